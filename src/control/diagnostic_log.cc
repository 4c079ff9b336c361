#include "control/diagnostic_log.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/json_escape.h"
#include "control/json_line.h"

namespace gatehouse::control {
namespace {

constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warning", "error"};

std::string escaped(std::string_view text) {
  std::string out(kJsonEscapeGrowth * text.size(), '\0');
  out.resize(static_cast<std::size_t>(json_escape(text, out.data()) - out.data()));
  return out;
}

// A value as text: in quotes where it would not be one word.
std::string word(std::string_view text) {
  auto plain = [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '='; };
  if (!text.empty() && std::ranges::all_of(text, plain)) return std::string(text);
  return '"' + escaped(text) + '"';
}

// A message as text: only what could end or forge a line is escaped.
std::string sentence(std::string_view text) {
  auto plain = [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; };
  return std::ranges::all_of(text, plain) ? std::string(text) : escaped(text);
}

using Fields = std::initializer_list<DiagnosticField>;

std::string json_line(std::string_view time, Severity level, std::string_view message, const Fields& fields) {
  std::string line = R"({"time":")" + std::string(time) + R"(","level":")" + std::string(level_name(level)) +
                     R"(","message":")" + escaped(message) + '"';
  for (const DiagnosticField& f : fields) {
    line += ",\"" + escaped(f.key) + "\":";
    line += f.number ? f.value : '"' + escaped(f.value) + '"';
  }
  return line + "}\n";
}

std::string text_line(std::string_view time, Severity level, std::string_view message, const Fields& fields) {
  std::string line = std::string(time) + ' ' + std::string(level_name(level)) + ' ' + sentence(message);
  for (const DiagnosticField& f : fields) line += ' ' + std::string(f.key) + '=' + word(f.value);
  return line + '\n';
}

}  // namespace

std::string_view level_name(Severity level) noexcept { return kLevels[static_cast<std::size_t>(level)]; }

std::optional<Severity> level_of(std::string_view name) noexcept {
  auto found = std::ranges::find(kLevels, name);
  if (found == kLevels.end()) return std::nullopt;
  return static_cast<Severity>(found - kLevels.begin());
}

void DiagnosticLog::write(Severity level, std::string_view message, Fields fields) {
  if (level < this->level()) return;
  std::array<char, kTimeText> buffer;
  const std::string_view time = write_time(clock_.wall(), buffer);
  const std::string line = format_ == Format::json ? json_line(time, level, message, fields)
                                                   : text_line(time, level, message, fields);
  for (std::string_view rest = line; !rest.empty();) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n > 0)
      rest.remove_prefix(static_cast<std::size_t>(n));
    else if (errno != EINTR)
      return;
  }
}

}  // namespace gatehouse::control
