// The chunked transfer coding (RFC 9112 section 7.1): decoding in place, bounded; encoding of frames.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "http/header.h"

namespace gatehouse::http {

// Incremental decoder. Strict: hex digits only (at most 16, the size below 2^63), CRLF only, extensions
// well-formed, at most 256 bytes a chunk and 16 KB a body, trailers at most `max_trailers` bytes. After an
// error it must not be used. Errors are malformed_request or head_too_large with Origin::client; who reads a
// response says upstream_malformed.
class ChunkedDecoder {
 public:
  explicit ChunkedDecoder(std::size_t max_trailers = 8192) noexcept;

  enum class Event : std::uint8_t {
    more,      // all input is consumed, and nothing else came of it
    data,      // `data` is the next piece, a view into the input
    trailers,  // the body ended; `trailers` parses what came with the end
    end,       // the body ended, no trailers
  };
  struct Step {
    Event event = Event::more;
    std::size_t consumed = 0;  // bytes of the input used up, the piece included
    std::string_view data;
  };
  // Call again with the rest of the input until `more`, `trailers` or `end`. Trailer bytes are copied into
  // the decoder's own bounded buffer, allocated from `arena` when they begin.
  Result<Step> feed(std::string_view input, Arena& arena);

  // After `trailers`: the parsed fields, less those that may not stand in trailers, in any spelling that a
  // service might fold to one of them. Views into the arena.
  Result<void> trailers(HeaderTable& out) const;
  bool done() const noexcept { return state_ == State::done; }

 private:
  enum class State : std::uint8_t {
    size_first,
    size,
    extension,  // up to the CR that ends the size line; `syntax_` says where in the grammar
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_start,  // the first byte of a trailer line, or the CR of the last line
    trailer_line,
    trailer_lf,
    last_lf,
    done,
  };
  enum class Syntax : std::uint8_t {
    before_semicolon,
    before_name,
    name,
    after_name,
    before_value,
    value,
    quoted,
    escaped,
    after_quoted,
  };
  using Fault = std::string_view;  // empty: none

  Fault framing_byte(char c) noexcept;    // of any state but data and the trailer's
  Fault size_byte(char c) noexcept;       // of the chunk size
  Fault extension_byte(char c) noexcept;  // RFC 9112 section 7.1.1
  // Takes at least one byte of the trailer section, adds to `used`.
  Result<void> trailer_bytes(std::string_view input, std::size_t& used, Arena& arena);
  bool keep_trailer(std::string_view bytes, Arena& arena);  // false: too many

  State state_ = State::size_first;
  Syntax syntax_ = Syntax::before_semicolon;
  std::uint8_t digits_ = 0;
  std::uint16_t extension_bytes_ = 0;  // of this chunk
  std::uint32_t extension_total_ = 0;
  std::uint64_t remaining_ = 0;
  std::size_t max_trailers_;
  char* trailer_ = nullptr;
  std::size_t trailer_size_ = 0;
  std::size_t trailer_capacity_ = 0;
};

// "1a2b\r\n" into `out`; returns its length.
std::size_t write_chunk_header(std::uint64_t size, std::array<char, 20>& out) noexcept;

}  // namespace gatehouse::http
