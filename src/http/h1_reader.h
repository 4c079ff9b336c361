// HTTP/1.0 and 1.1 heads and chunked bodies: incremental, in place, pure (RFC 9112). No I/O, no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "http/framing.h"
#include "http/message.h"

namespace gatehouse::http {

struct H1Limits {
  std::size_t max_head = 32 * 1024;    // bytes from the first byte to the empty line
  std::size_t max_target = 16 * 1024;  // bytes; beyond it uri_too_long (also when the line is not complete yet)
  std::size_t max_fields = 128;        // <= HeaderTable::kMaxFields
};

enum class Progress : std::uint8_t { more, done };

// Reads one request head. Feed it the same contiguous, growing buffer each time; it never looks at a byte twice
// (work is linear in the head even if bytes come one at a time). The buffer may move between calls: the state is
// offsets. Views in the head point into the buffer of the call that returned `done`.
class H1RequestReader {
 public:
  explicit H1RequestReader(const H1Limits& limits) noexcept;

  // `buffer` starts at the first byte of the message (empty lines before it are skipped and counted in consumed).
  Result<Progress> feed(std::string_view buffer, RequestHead& head);

  std::size_t consumed() const noexcept;        // after done: bytes of the head in the buffer
  const Framing& framing() const noexcept;      // after done
  bool keep_alive() const noexcept;             // after done: what version and Connection say
  bool expects_continue() const noexcept;       // after done
  bool started() const noexcept;                // a byte other than CRLF has been seen
  std::string_view upgrade() const noexcept;    // value of Upgrade if Connection names it, else empty
  void reset() noexcept;
  // The path is not normalised yet: head.path and head.query are raw (see path.h); head.host comes from an
  // absolute target or from Host (which must agree).
};

class H1ResponseReader {
 public:
  explicit H1ResponseReader(const H1Limits& limits) noexcept;
  // `request_method` decides about bodies (HEAD). 1xx heads come out like others: the caller reads on.
  Result<Progress> feed(std::string_view buffer, Method request_method, ResponseHead& head);
  std::size_t consumed() const noexcept;
  const Framing& framing() const noexcept;
  bool keep_alive() const noexcept;
  std::uint32_t keep_alive_timeout() const noexcept;  // seconds from `Keep-Alive: timeout=N`; 0 = not given
  bool started() const noexcept;
  void reset() noexcept;
};

}  // namespace gatehouse::http
