// Gatehouse: the program and the list of its parts.
#include <CLI/CLI.hpp>
#include <memory>
#include <vector>

#include "control/process.h"

int main(int argc, char** argv) {
  using namespace gatehouse;
  std::vector<std::unique_ptr<gateway::FilterKind>> filters;
  CLI::App app{"Gatehouse, an API gateway"};
  app.require_subcommand(1);
  std::string file = "gatehouse.yaml";
  auto* run = app.add_subcommand("run", "Run the gateway");
  run->add_option("file", file, "The configuration")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return control::run_process({.config = file, .filters = filters, .on_started = {}});
}
