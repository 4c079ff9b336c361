// What an operator should know, on stderr: one line an event, as JSON or as text.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "control/access_log_file.h"

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

// Any thread, but no worker's: it formats, takes a lock and calls the system. It never waits for the reader:
// a line that does not go now (a pipe that nobody reads, a full disk) is lost and counted; none is cut or
// glued to another.
class DiagnosticLog {
 public:
  enum class Format : std::uint8_t { text, json };

  explicit DiagnosticLog(const Clock& clock, Format format = Format::text, int fd = 2);

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
  void put(std::string_view line);  // as it is, with its newline
  std::uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }  // lines; only grows

  // At run time. Relaxed: a line more or less around the change does not matter.
  Severity level() const noexcept { return level_.load(std::memory_order_relaxed); }
  void set_level(Severity level) noexcept { level_.store(level, std::memory_order_relaxed); }

 private:
  const Clock& clock_;
  std::atomic<Severity> level_ = Severity::info;
  const Format format_;
  std::atomic<std::uint64_t> lost_ = 0;
  std::mutex lock_;
  std::optional<AccessLogFile> file_;  // guarded by lock_; none: every line is lost
  std::string
      carry_;  // guarded by lock_; the rest of a line whose beginning is written: goes before all else
};

}  // namespace gatehouse::control
