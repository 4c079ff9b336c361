// What is wrong with a configuration, where, and what to write instead.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gatehouse::config {

// A place in a source. `file` is as the user named it; line and column count from 1; 0 = no place (a
// default).
struct Location {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

struct Diagnostic {
  enum class Level : std::uint8_t { error, warning, hint };
  Level level = Level::error;
  Location at;
  std::string message;  // what is wrong
  std::string instead;  // what to write instead; may be empty

  // `file:line:column: message. instead`, with `warning: ` or `hint: ` before the message where it is no
  // error.
  std::string text() const;
};

using Diagnostics = std::vector<Diagnostic>;

bool has_errors(const Diagnostics& list) noexcept;

}  // namespace gatehouse::config
