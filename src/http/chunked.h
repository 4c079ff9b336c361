// The chunked transfer coding (RFC 9112 section 7.1): decoding in place, bounded; encoding of frames.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "http/header.h"

namespace gatehouse::http {

// Incremental decoder. Strict: hex digits only (at most 16), CRLF only, extensions at most 256 bytes a chunk and
// bounded over the body, trailers at most `max_trailers` bytes.
class ChunkedDecoder {
 public:
  explicit ChunkedDecoder(std::size_t max_trailers = 8192) noexcept;

  enum class Event : std::uint8_t {
    more,      // all input is consumed, and nothing else came of it
    data,      // `data` is the next piece, a view into the input
    trailers,  // the body ended; `trailer_bytes()` holds the trailer section
    end,       // the body ended, no trailers
  };
  struct Step {
    Event event = Event::more;
    std::size_t consumed = 0;  // bytes of the input used up, the piece included
    std::string_view data;
  };
  // Call again with the rest of the input until `more`, `trailers` or `end`. `origin` of errors: the caller sets it.
  // Trailer bytes are copied into the decoder's own bounded buffer, allocated from `arena` when they begin.
  Result<Step> feed(std::string_view input, Arena& arena);

  // After `trailers`: the parsed fields, less those that may not stand in trailers. Views into the arena.
  Result<void> trailers(HeaderTable& out) const;
  bool done() const noexcept;

 private:
  enum class State : std::uint8_t {
    size_first, size, extension, size_lf, data, data_cr, data_lf,
    trailer_start, trailer_line, trailer_lf, last_lf, done,
  };
  State state_ = State::size_first;
  std::uint8_t digits_ = 0;
  bool has_trailers_ = false;
  std::uint64_t remaining_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t extension_total_ = 0;
  std::size_t max_trailers_;
  char* trailer_ = nullptr;
  std::size_t trailer_size_ = 0;
};

// "1a2b\r\n" into `out`; returns its length.
std::size_t write_chunk_header(std::uint64_t size, std::array<char, 20>& out) noexcept;

}  // namespace gatehouse::http
