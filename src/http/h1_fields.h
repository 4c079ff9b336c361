// The field lines of a head, read line by line: what requests, responses and trailers share (RFC 9112 section
// 5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "http/framing.h"
#include "http/header.h"

namespace gatehouse::http {

// What is wrong, before it is known whom to blame. `detail` has static lifetime.
struct H1Fault {
  Errc code = Errc::malformed_request;
  std::string_view detail;
};

enum class FieldStep : std::uint8_t { more, done, fault };

// What the fields said about the message as a whole. Places in the table instead of views: the buffer may
// move while a head arrives.
struct H1Facts {
  static constexpr std::uint16_t kNone = 0xffff;
  std::uint16_t host = kNone;
  std::uint16_t content_length = kNone;
  std::uint16_t transfer_encoding = kNone;
  std::uint16_t content_type = kNone;
  std::uint16_t upgrade = kNone;
  std::uint16_t keep_alive_timeout = 0;  // seconds, saturating
  std::uint8_t content_lengths = 0;      // saturating
  std::uint8_t transfer_encodings = 0;
  bool two_hosts = false;
  bool two_content_types = false;  // and they differ
  bool says_close = false;         // options of Connection
  bool says_keep_alive = false;
  bool says_upgrade = false;
  bool says_continue = false;  // Expect: 100-continue

  FramingFacts framing(const HeaderTable& headers) const noexcept;
};

// Reads the field lines in [p, end) into `headers`, up to and including the empty line. On return `p` is the
// first byte not used: the begin of the line that is not complete yet (more), or what follows the head
// (done).
FieldStep read_fields(const char*& p, const char* end, std::size_t max_fields, HeaderTable& headers,
                      H1Facts& facts, H1Fault& fault);

// The moving of a half-read head to another buffer: views into the old bytes become views into the new ones.
struct Relocation {
  const char* from = nullptr;
  std::size_t size = 0;
  const char* to = nullptr;

  void operator()(std::string_view& view) const noexcept {
    // Compared as numbers: the old buffer may be gone.
    const auto at = reinterpret_cast<std::uintptr_t>(view.data()) - reinterpret_cast<std::uintptr_t>(from);
    if (at < size) view = {to + at, view.size()};
  }
  void operator()(HeaderTable& headers) const noexcept {
    for (Header& h : headers) {
      (*this)(h.name);
      (*this)(h.value);
    }
  }
};

}  // namespace gatehouse::http
