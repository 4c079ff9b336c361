#include "gateway/trace_context.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "http/characters.h"

namespace gatehouse::gateway {
namespace {

// "00-" trace id "-" parent id "-" flags
constexpr std::size_t kTraceIdAt = 3;
constexpr std::size_t kTraceIdSize = 32;
constexpr std::size_t kParentIdAt = kTraceIdAt + kTraceIdSize + 1;
constexpr std::size_t kParentIdSize = 16;
constexpr std::size_t kFlagsAt = kParentIdAt + kParentIdSize + 1;
constexpr std::size_t kSize = kFlagsAt + 2;

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr unsigned kSampled = 1;
constexpr unsigned kKnownFlags = 3;  // the others are reserved: not passed on

constexpr std::size_t kLongestRequestId = 128;

// 16 digits.
#if defined(__SSE2__)
char* put_hex(std::uint64_t value, char* out) noexcept {
  const __m128i bytes = _mm_cvtsi64_si128(static_cast<std::int64_t>(std::byteswap(value)));
  const __m128i low = _mm_set1_epi8(15);
  const __m128i digits =
      _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(bytes, 4), low), _mm_and_si128(bytes, low));
  const __m128i letters =
      _mm_and_si128(_mm_cmpgt_epi8(digits, _mm_set1_epi8(9)), _mm_set1_epi8('a' - '0' - 10));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                   _mm_add_epi8(_mm_add_epi8(digits, _mm_set1_epi8('0')), letters));
  return out + 16;
}
#else
char* put_hex(std::uint64_t value, char* out) noexcept {
  for (int shift = 60; shift >= 0; shift -= 4) *out++ = kHexDigits[value >> shift & 15];
  return out;
}
#endif

bool lower_hex(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return http::is(c, http::kHex) && !(c >= 'A' && c <= 'F'); });
}

bool an_id(std::string_view text) noexcept {  // all zero means none
  return lower_hex(text) && text.find_first_not_of('0') != text.npos;
}

std::uint64_t non_zero(Random& random) noexcept {
  for (;;)
    if (std::uint64_t n = random.next()) return n;
}

// The one traceparent that the message has.
std::optional<TraceParent> received(const http::HeaderTable& headers) noexcept {
  const http::Header* found = headers.find(http::HeaderId::traceparent);
  if (!found) return std::nullopt;
  for (const http::Header* h = found + 1; h != headers.end(); ++h)
    if (h->id == http::HeaderId::traceparent) return std::nullopt;
  return parse_traceparent(found->value);
}

}  // namespace

std::optional<TraceParent> parse_traceparent(std::string_view text) noexcept {
  if (text.size() < kSize || !lower_hex(text.substr(0, 2))) return std::nullopt;
  const std::string_view version = text.substr(0, 2);
  if (version == "ff") return std::nullopt;
  if (text.size() > kSize && (version == "00" || text[kSize] != '-')) return std::nullopt;
  if (text[2] != '-' || text[kParentIdAt - 1] != '-' || text[kFlagsAt - 1] != '-') return std::nullopt;
  TraceParent parent{.trace_id = text.substr(kTraceIdAt, kTraceIdSize),
                     .parent_id = text.substr(kParentIdAt, kParentIdSize)};
  const std::string_view flags = text.substr(kFlagsAt, 2);
  if (!an_id(parent.trace_id) || !an_id(parent.parent_id) || !lower_hex(flags)) return std::nullopt;
  parent.flags = http::hex_value(flags[0]) << 4 | http::hex_value(flags[1]);
  return parent;
}

TraceContext trace_context(http::HeaderTable& headers, Random& random, Arena& arena) {
  auto* text = static_cast<char*>(arena.allocate(kSize, 1));
  std::memcpy(text, "00-", kTraceIdAt);
  unsigned flags = kSampled;
  if (std::optional<TraceParent> parent = received(headers)) {
    std::memcpy(text + kTraceIdAt, parent->trace_id.data(), kTraceIdSize);
    flags = parent->flags & kKnownFlags;
  } else {
    char* rest = put_hex(non_zero(random), text + kTraceIdAt);
    put_hex(random.next(), rest);
    headers.remove(http::HeaderId::tracestate);
  }
  text[kParentIdAt - 1] = '-';
  put_hex(non_zero(random), text + kParentIdAt);
  text[kFlagsAt - 1] = '-';
  text[kFlagsAt] = '0';
  text[kFlagsAt + 1] = kHexDigits[flags];
  return {{text, kSize}, {text + kTraceIdAt, kTraceIdSize}};
}

bool well_formed_request_id(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kLongestRequestId && std::ranges::all_of(text, [](char c) {
    return http::is(c, http::kAlnum) || c == '.' || c == '_' || c == '-';
  });
}

std::string_view request_id_for(const http::HeaderTable& headers, bool from_trusted, Random& random,
                                Arena& arena) {
  if (from_trusted) {
    std::string_view given = headers.value(http::HeaderId::x_request_id);
    if (well_formed_request_id(given)) return given;
  }
  constexpr std::size_t kIdSize = 32;
  auto* text = static_cast<char*>(arena.allocate(kIdSize, 1));
  char* rest = put_hex(random.next(), text);
  put_hex(random.next(), rest);
  return {text, kIdSize};
}

}  // namespace gatehouse::gateway
