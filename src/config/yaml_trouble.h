// What a YAML parser's complaint means to somebody who wrote a configuration.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/diagnostic.h"

namespace gatehouse::config {

// Bytes that no YAML file may hold: controls, broken UTF-8. Nothing if there are none.
std::optional<Diagnostic> forbidden_byte(std::string_view text, const std::string& name);

// The quote that opens at `at` is never closed. Nothing if it is, or if none opens there.
std::optional<Diagnostic> open_quote(std::string_view text, const Location& at);

// yaml-cpp stopped at `at` with `complaint`: looks at that line for what usually lies behind it.
Diagnostic explain_yaml_error(std::string_view text, const Location& at, const std::string& complaint);

// Likewise for what our own reader refused (an alias is mostly an unquoted `*`).
Diagnostic explain_stop(std::string_view text, Diagnostic why);

}  // namespace gatehouse::config
