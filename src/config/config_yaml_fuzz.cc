// Any bytes as a configuration: no crash, no hang, and what loads is printed so that it loads again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/loader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse::config;
  Environment environment;
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    return name == "X" ? std::optional<std::string>("x\n\"${}: *") : std::nullopt;
  };
  environment.read_file = [](const std::string& path) -> std::optional<std::string> {
    return path == "/f" ? std::optional<std::string>("services: {f: http://f}\n") : std::nullopt;
  };
  environment.glob = [](const std::string&) { return std::vector<std::string>{"/f"}; };
  const Loaded first =
      load_text(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz.yaml", environment);
  for (const Diagnostic& diagnostic : first.diagnostics) {
    if (diagnostic.text().empty()) std::abort();
  }
  if (first.spec.has_value() == has_errors(first.diagnostics)) std::abort();
  if (!first.spec) return 0;
  if (!load_text(print(*first.spec), "printed.yaml", environment).spec) std::abort();
  return 0;
}
