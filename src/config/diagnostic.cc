#include "config/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>

namespace gatehouse::config {

namespace {

void append_sentence(std::string& out, const std::string& sentence) {
  if (sentence.empty()) return;
  if (!out.empty() && out.back() != ' ') out += ' ';
  out += sentence;
  if (sentence.back() != '.' && sentence.back() != '?') out += '.';
}

}  // namespace

std::string Diagnostic::text() const {
  std::string out = at.line == 0 ? at.file : fmt::format("{}:{}:{}", at.file, at.line, at.column);
  if (!out.empty()) out += ": ";
  if (level == Level::warning) out += "warning: ";
  if (level == Level::hint) out += "hint: ";
  append_sentence(out, message);
  append_sentence(out, instead);
  return out;
}

bool has_errors(const Diagnostics& list) noexcept {
  return std::ranges::any_of(list, [](const Diagnostic& d) { return d.level == Diagnostic::Level::error; });
}

}  // namespace gatehouse::config
