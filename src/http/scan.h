// Where a run of characters ends: the inner loops of the readers. SSE2 where the compiler has it, otherwise
// eight bytes at a time in plain C++; both are always compiled on x86-64 and tested against each other.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "http/characters.h"

namespace gatehouse::http::scan {

// The first byte in [p, end) that is not of the class, or end.
constexpr const char* skip(const char* p, const char* end, CharacterClass which) noexcept {
  while (p != end && is(*p, which)) ++p;
  return p;
}

namespace portable {

constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kHighs = 0x8080808080808080;

// High bit of each byte that is below `limit` (1..128); bytes >= 0x80 are not. Exact up to and including the
// first hit: a borrow can only mark bytes behind one that is marked rightly.
constexpr std::uint64_t below(std::uint64_t word, unsigned limit) noexcept {
  return (word - kOnes * limit) & ~word & kHighs;
}
constexpr std::uint64_t equal(std::uint64_t word, unsigned char c) noexcept {
  return below(word ^ (kOnes * c), 1);
}

inline std::uint64_t load(const char* p) noexcept {
  std::uint64_t w;
  std::memcpy(&w, p, sizeof w);
  if constexpr (std::endian::native == std::endian::big) w = std::byteswap(w);
  return w;
}

inline const char* end_of_value(const char* p, const char* end) noexcept {
  while (end - p >= 8) {
    const std::uint64_t word = load(p);
    const std::uint64_t stop = below(word, 0x20) | equal(word, 0x7f);
    if (!stop) {
      p += 8;
      continue;
    }
    p += std::countr_zero(stop) / 8;
    if (*p != '\t') return p;
    ++p;
  }
  return skip(p, end, kValue);
}

inline const char* end_of_target(const char* p, const char* end) noexcept {
  for (; end - p >= 8; p += 8) {
    const std::uint64_t word = load(p);
    const std::uint64_t stop = below(word, 0x21) | equal(word, 0x7f) | equal(word, '#') | (word & kHighs);
    if (stop) return p + std::countr_zero(stop) / 8;
  }
  return skip(p, end, kTarget);
}

inline const char* end_of_token(const char* p, const char* end) noexcept { return skip(p, end, kToken); }

}  // namespace portable

#if defined(__SSE2__)
namespace sse2 {

inline __m128i load(const char* p) noexcept { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline __m128i at_most(__m128i v, int limit) noexcept {  // unsigned
  return _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(static_cast<char>(limit))), v);
}
inline __m128i equal(__m128i v, char c) noexcept { return _mm_cmpeq_epi8(v, _mm_set1_epi8(c)); }
inline unsigned mask(__m128i v) noexcept { return static_cast<unsigned>(_mm_movemask_epi8(v)); }

inline __m128i control(__m128i v) noexcept { return _mm_or_si128(at_most(v, 0x1f), equal(v, 0x7f)); }

// 64 bytes without a control. Tokens and cookies are long.
inline bool plain_line(const char* p) noexcept {
  const __m128i a = load(p), b = load(p + 16), c = load(p + 32), d = load(p + 48);
  const __m128i least = _mm_min_epu8(_mm_min_epu8(a, b), _mm_min_epu8(c, d));
  const __m128i deleted = _mm_or_si128(_mm_or_si128(equal(a, 0x7f), equal(b, 0x7f)),
                                       _mm_or_si128(equal(c, 0x7f), equal(d, 0x7f)));
  return mask(_mm_or_si128(at_most(least, 0x1f), deleted)) == 0;
}

inline const char* end_of_value(const char* p, const char* end) noexcept {
  while (end - p >= 64 && plain_line(p)) p += 64;
  while (end - p >= 16) {
    const __m128i v = load(p);
    const unsigned stop = mask(control(v));
    if (!stop) {
      p += 16;
      continue;
    }
    p += std::countr_zero(stop);
    if (*p != '\t') return p;  // rare enough not to be told apart in the loop
    ++p;
  }
  return skip(p, end, kValue);
}

inline const char* end_of_target(const char* p, const char* end) noexcept {
  for (; end - p >= 16; p += 16) {
    const __m128i v = load(p);
    const __m128i visible = _mm_cmpgt_epi8(v, _mm_set1_epi8(0x20));  // signed: bytes >= 0x80 are not
    const __m128i not_target = _mm_or_si128(equal(v, 0x7f), equal(v, '#'));
    if (unsigned go = mask(_mm_andnot_si128(not_target, visible)); go != 0xffff)
      return p + std::countr_one(go);
  }
  return skip(p, end, kTarget);
}

// Nearly all names are letters, digits and '-'. The rest of tchar is left to the table.
inline const char* end_of_token(const char* p, const char* end) noexcept {
  for (; end - p >= 16; p += 16) {
    const __m128i v = load(p);
    const __m128i letter =
        at_most(_mm_sub_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)), _mm_set1_epi8('a')), 25);
    const __m128i digit = at_most(_mm_sub_epi8(v, _mm_set1_epi8('0')), 9);
    const unsigned plain = mask(_mm_or_si128(_mm_or_si128(letter, digit), equal(v, '-')));
    if (plain != 0xffff) {
      p += std::countr_one(plain);
      if (*p == ':') return p;
      break;
    }
  }
  return skip(p, end, kToken);
}

}  // namespace sse2

using sse2::end_of_target;
using sse2::end_of_token;
using sse2::end_of_value;
#else
using portable::end_of_target;
using portable::end_of_token;
using portable::end_of_value;
#endif

}  // namespace gatehouse::http::scan
