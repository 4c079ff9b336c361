// How long a body is: every decision that matters for smuggling, in one place (RFC 9112 section 6).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "http/message.h"

namespace gatehouse::http {

struct Framing {
  enum class Kind : std::uint8_t { none, length, chunked, until_close };
  Kind kind = Kind::none;
  std::uint64_t length = 0;  // Kind::length: > 0 unless the message said `Content-Length: 0`
  friend bool operator==(const Framing&, const Framing&) = default;
};

// What the head said, collected by the reader while it parses: raw facts, no decisions.
struct FramingFacts {
  std::uint8_t content_lengths = 0;  // how many fields (saturating)
  std::uint8_t transfer_encodings = 0;
  std::string_view content_length;  // value of the first
  std::string_view transfer_encoding;
};

// Request: 400 for everything but no framing, one strict Content-Length, or exactly `Transfer-Encoding:
// chunked` with HTTP/1.1; CONNECT and TRACE with a body are refused. A Content-Length with leading zeros is
// refused too: legal by the grammar, but read as octal by some, and written by no client.
Result<Framing> request_framing(const FramingFacts& facts, Method method, Version version);
// Response to `method`: HEAD, 1xx, 204 and 304 have none whatever they say, but what they say must be
// well-formed. Errc::upstream_malformed for contradictions and for what a request is refused for.
Result<Framing> response_framing(const FramingFacts& facts, Method method, std::uint16_t status,
                                 Version version);

// A 1xx or 204 that announces a body (RFC 9110 section 8.6, RFC 9112 section 6.1 forbid it): whether bytes
// follow is anybody's guess, so its connection must not be used again.
bool announces_forbidden_body(const FramingFacts& facts, std::uint16_t status) noexcept;

}  // namespace gatehouse::http
