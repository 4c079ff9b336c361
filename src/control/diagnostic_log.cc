#include "control/diagnostic_log.h"

#include <algorithm>
#include <array>

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

DiagnosticLog::DiagnosticLog(const Clock& clock, Format format, int fd)
    : clock_(clock), format_(format), file_(AccessLogFile::to(fd)) {}

void DiagnosticLog::write(Severity level, std::string_view message, Fields fields) {
  if (level < this->level()) return;
  std::array<char, kTimeText> buffer;
  const std::string_view time = write_time(clock_.wall(), buffer);
  put(format_ == Format::json ? json_line(time, level, message, fields)
                              : text_line(time, level, message, fields));
}

void DiagnosticLog::put(std::string_view line) {
  std::lock_guard lock(lock_);
  if (file_ && !carry_.empty()) carry_.erase(0, file_->write(carry_).bytes);
  const std::size_t written = file_ && carry_.empty() ? file_->write(line).bytes : 0;
  if (written == 0)
    lost_.fetch_add(1, std::memory_order_relaxed);
  else
    carry_ = line.substr(written);
}

}  // namespace gatehouse::control
