// Where log lines go: standard output or a file. Writing never waits longer than the kernel needs to copy:
// what is slow (a pipe, a terminal, a socket) is written without blocking, and without changing how other
// processes see it.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "config/spec.h"

namespace gatehouse::control {

// Thread: one at a time.
class AccessLogFile {
 public:
  AccessLogFile() = default;
  AccessLogFile(AccessLogFile&& o) noexcept;
  AccessLogFile& operator=(AccessLogFile&& o) noexcept;
  ~AccessLogFile();

  // `stdout`, or a path: created if need be (0640), appended to. The error says what failed, for an operator.
  static std::expected<AccessLogFile, std::string> open(const config::Secret& to, int stdout_fd = 1);
  // What `fd` leads to; `fd` stays the caller's. nullopt: errno says why.
  static std::optional<AccessLogFile> to(int fd);

  struct Written {
    std::size_t bytes = 0;
    bool would_block = false;
    int error = 0;  // errno; 0 = none
  };
  Written write(std::string_view bytes) noexcept;  // as much as goes now

  // The same name anew, after a rotation. On failure the old file stays in use.
  std::expected<void, std::string> reopen();

  const std::string& name() const noexcept { return to_.source(); }  // may be shown
  int descriptor() const noexcept { return fd_; }                    // -1: not open

 private:
  enum class Kind : unsigned char {
    plain,        // a file, or something that was opened without blocking
    socket,       // send() without blocking
    small_steps,  // a pipe whose description is shared: at most PIPE_BUF at a time, after poll() said so
  };
  Written write_step(std::string_view bytes) noexcept;

  config::Secret to_;
  int stdout_fd_ = 1;
  int fd_ = -1;
  Kind kind_ = Kind::plain;
};

}  // namespace gatehouse::control
