// Any bytes as a configuration, and as a file of API keys: no crash, no hang, and what loads is printed so
// that it loads again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/loader.h"

namespace {

using namespace gatehouse::config;

void load_and_print(std::string_view text, const Environment& environment) {
  const Loaded first = load_text(text, "fuzz.yaml", environment);
  for (const Diagnostic& diagnostic : first.diagnostics) {
    if (diagnostic.text().empty()) std::abort();
  }
  if (first.spec.has_value() == has_errors(first.diagnostics)) std::abort();
  if (!first.spec) return;
  if (!load_text(print(*first.spec), "printed.yaml", environment).spec) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Environment environment;
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    return name == "X" ? std::optional<std::string>("x\n\"${}: *") : std::nullopt;
  };
  environment.read_file = [&](const std::string& path) -> std::optional<std::string> {
    if (path == "/k") return std::string(text);
    if (path == "/j") return "{\"keys\": []}";
    return path == "/f" ? std::optional<std::string>("services: {f: http://f}\n") : std::nullopt;
  };
  environment.glob = [](const std::string&) { return std::vector<std::string>{"/f"}; };
  load_and_print(text, environment);
  load_and_print("auth: {api_keys: {file: /k}}", environment);
  return 0;
}
