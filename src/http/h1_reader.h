// HTTP/1.0 and 1.1 heads: incremental, in place, pure (RFC 9112). No I/O, no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "http/framing.h"
#include "http/h1_fields.h"
#include "http/message.h"

namespace gatehouse::http {

struct H1Limits {
  std::size_t max_head = 32 * 1024;  // bytes from the first byte to the empty line
  std::size_t max_target =
      16 * 1024;                 // bytes; beyond it uri_too_long (also when the line is not complete yet)
  std::size_t max_fields = 128;  // <= HeaderTable::kMaxFields
};

enum class Progress : std::uint8_t { more, done };

// How far a head has been read. A line is parsed when it may be complete: bytes behind the last line end are
// only searched for the next one, so the work is linear in the head even if bytes come one at a time.
struct H1Cursor {
  const char* base = nullptr;  // the buffer of the last call; never followed, it may be gone
  std::uint32_t size = 0;      // its bytes
  std::uint32_t line = 0;      // where the line that is not complete begins

  // Takes the bytes of this call. False: the line that was not complete still is not.
  bool advance(std::string_view buffer) noexcept;
};

// Reads one request head. Feed it the same contiguous, growing buffer each time. The buffer may move between
// calls (a move costs one addition a view so far). Views in the head point into the buffer of the call that
// returned `done`; the head must be fresh for each message. After an error only reset() is allowed. Errors
// have Origin::client.
class H1RequestReader {
 public:
  explicit H1RequestReader(const H1Limits& limits) noexcept;

  // `buffer` starts at the first byte of the message (a few empty lines before it are skipped and counted in
  // consumed). The path is not normalised: head.path and head.query are raw slices of the target (see
  // path.h); head.host comes from an absolute target or from Host (which must agree). `OPTIONS *` has
  // asterisk and path "/".
  Result<Progress> feed(std::string_view buffer, RequestHead& head);

  std::size_t consumed() const noexcept {
    return cursor_.line;
  }  // after done: bytes of the head in the buffer
  const Framing& framing() const noexcept { return framing_; }  // after done
  bool keep_alive() const noexcept { return keep_alive_; }      // after done: what version and Connection say
  bool expects_continue() const noexcept { return expects_continue_; }  // after done
  bool started() const noexcept { return started_; }  // a byte other than CRLF has been seen
  std::string_view upgrade() const noexcept {
    return upgrade_;
  }  // of Upgrade if Connection names it, else empty
  void reset() noexcept;

 private:
  FieldStep read(const char*& p, const char* end, RequestHead& head, H1Fault& fault);
  FieldStep skip_empty_lines(const char*& p, const char* end, H1Fault& fault) noexcept;
  FieldStep check_unfinished_line(const char* line, const char* end, H1Fault& fault) const noexcept;
  Result<Progress> finish(RequestHead& head);

  H1Cursor cursor_;
  std::uint32_t max_head_;
  std::uint32_t max_target_;
  std::uint16_t max_fields_;
  std::uint8_t empty_lines_ = 0;
  bool started_ = false;
  bool has_line_ = false;  // the request line is read, fields follow
  bool absolute_ = false;  // the target was absolute and named the host
  bool keep_alive_ = false;
  bool expects_continue_ = false;
  H1Facts facts_;
  Framing framing_;
  std::string_view upgrade_;
};
static_assert(sizeof(H1RequestReader) <= 128);  // it lives in the connection

// Reads one response head, as strictly. Errors are Errc::upstream_malformed with Origin::upstream.
class H1ResponseReader {
 public:
  explicit H1ResponseReader(const H1Limits& limits) noexcept;
  // `request_method` decides about bodies (HEAD). 1xx heads come out like others: the caller reads on, with a
  // fresh head and after reset().
  Result<Progress> feed(std::string_view buffer, Method request_method, ResponseHead& head);

  std::size_t consumed() const noexcept { return cursor_.line; }
  const Framing& framing() const noexcept { return framing_; }
  // What version and Connection say; false too if the body ends with the connection, or if it is uncertain
  // where the response ends (a 204 that announces a body).
  bool keep_alive() const noexcept { return keep_alive_; }
  std::uint32_t keep_alive_timeout() const noexcept {
    return facts_.keep_alive_timeout;
  }  // seconds; 0 = not given
  // Of Upgrade if Connection names it, else empty. `head`: the one that was read.
  std::string_view upgrade(const ResponseHead& head) const noexcept {
    const bool said = facts_.says_upgrade && facts_.upgrade != H1Facts::kNone;
    return said ? head.headers.begin()[facts_.upgrade].value : std::string_view{};
  }
  bool started() const noexcept { return started_; }
  void reset() noexcept;

 private:
  FieldStep read(const char*& p, const char* end, ResponseHead& head, H1Fault& fault);

  H1Cursor cursor_;
  std::uint32_t max_head_;
  std::uint16_t max_fields_;
  bool started_ = false;
  bool has_line_ = false;
  bool keep_alive_ = false;
  H1Facts facts_;
  Framing framing_;
};
static_assert(sizeof(H1ResponseReader) <= 128);

}  // namespace gatehouse::http
