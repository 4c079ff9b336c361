// What an operator should know, on stderr: one line an event, as JSON or as text.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace gatehouse::control {

// A named value of an event. Secrets are given as their source (config::Secret::source).
struct DiagnosticField {
  DiagnosticField(std::string_view k, std::string_view v) : key(k), value(v) {}
  DiagnosticField(std::string_view k, std::integral auto v)
      : key(k), value(std::to_string(v)), number(true) {}
  std::string_view key;
  std::string value;
  bool number = false;
};

std::string_view level_name(Severity level) noexcept;              // "warning"
std::optional<Severity> level_of(std::string_view name) noexcept;  // of level_name

// Any thread, but no worker's: a line is one write(2), which may wait for a slow reader. A line that cannot
// be written is dropped.
class DiagnosticLog {
 public:
  enum class Format : std::uint8_t { text, json };

  explicit DiagnosticLog(const Clock& clock, Format format = Format::text, int fd = 2) noexcept
      : clock_(clock), format_(format), fd_(fd) {}

  void write(Severity level, std::string_view message, std::initializer_list<DiagnosticField> fields = {});
  void debug(std::string_view m, std::initializer_list<DiagnosticField> f = {}) {
    write(Severity::debug, m, f);
  }
  void info(std::string_view m, std::initializer_list<DiagnosticField> f = {}) {
    write(Severity::info, m, f);
  }
  void warning(std::string_view m, std::initializer_list<DiagnosticField> f = {}) {
    write(Severity::warning, m, f);
  }
  void error(std::string_view m, std::initializer_list<DiagnosticField> f = {}) {
    write(Severity::error, m, f);
  }

  // At run time. Relaxed: a line more or less around the change does not matter.
  Severity level() const noexcept { return level_.load(std::memory_order_relaxed); }
  void set_level(Severity level) noexcept { level_.store(level, std::memory_order_relaxed); }

 private:
  const Clock& clock_;
  std::atomic<Severity> level_ = Severity::info;
  const Format format_;
  const int fd_;
};

}  // namespace gatehouse::control
