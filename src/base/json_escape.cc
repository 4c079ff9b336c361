#include "base/json_escape.h"

#include <array>
#include <cassert>
#include <cstdint>
#include <cstring>

namespace gatehouse {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD
constexpr std::string_view kEllipsis = "\xe2\x80\xa6";     // U+2026

// What follows the backslash; 0: the byte stands for itself, 'u': \u00XX.
constexpr std::array<char, 128> kEscape = [] {
  std::array<char, 128> t{};
  for (std::size_t c = 0; c < 0x20; ++c) t[c] = 'u';
  t[0x7f] = 'u';  // legal, but terminals act on it
  t['"'] = '"';
  t['\\'] = '\\';
  t['\b'] = 'b';
  t['\f'] = 'f';
  t['\n'] = 'n';
  t['\r'] = 'r';
  t['\t'] = 't';
  return t;
}();

// True if all eight bytes stand for themselves: 0x20 to 0x7e without " and \. Each term sets the top bit of a
// byte that must not be; a borrow can only set it falsely in a byte above one that is caught anyway.
bool plain(std::uint64_t word) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101U;
  constexpr std::uint64_t tops = 0x8080808080808080U;
  std::uint64_t quote = word ^ (ones * '"');
  std::uint64_t backslash = word ^ (ones * '\\');
  std::uint64_t caught = word | (word - ones * 0x20) | (quote - ones) | (backslash - ones) | (word + ones);
  return (caught & tops) == 0;
}

unsigned byte_at(const char* p) noexcept { return static_cast<unsigned char>(*p); }

// Length of the well-formed UTF-8 sequence at p (Unicode, table 3-7), 0 if there is none. *p >= 0x80.
std::size_t sequence(const char* p, const char* end) noexcept {
  unsigned first = byte_at(p);
  std::size_t n = first < 0xc2 ? 0U : first < 0xe0 ? 2U : first < 0xf0 ? 3U : first < 0xf5 ? 4U : 0U;
  if (n == 0 || static_cast<std::size_t>(end - p) < n) return 0;
  for (std::size_t i = 1; i < n; ++i)
    if ((byte_at(p + i) & 0xc0U) != 0x80) return 0;
  unsigned second = byte_at(p + 1);
  bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  bool surrogate = first == 0xed && second > 0x9f;
  bool beyond = first == 0xf4 && second > 0x8f;
  return overlong || surrogate || beyond ? 0 : n;
}

char* put(std::string_view s, char* out) noexcept {
  std::memcpy(out, s.data(), s.size());
  return out + s.size();
}

// One character, at most six bytes; moves p behind it.
char* put_character(const char*& p, const char* end, char* out) noexcept {
  constexpr char digits[] = "0123456789abcdef";
  unsigned c = byte_at(p);
  if (c >= 0x80) {
    std::size_t n = sequence(p, end);
    if (n == 0) return ++p, put(kReplacement, out);
    out = put({p, n}, out);
    p += n;
    return out;
  }
  ++p;
  char e = kEscape[c];
  if (e == 0) {
    *out++ = static_cast<char>(c);
    return out;
  }
  *out++ = '\\';
  *out++ = e;
  if (e != 'u') return out;
  *out++ = '0';
  *out++ = '0';
  *out++ = digits[c >> 4];
  *out++ = digits[c & 15];
  return out;
}

}  // namespace

char* json_escape(std::string_view text, char* out) noexcept {
  const char* p = text.data();
  const char* end = p + text.size();
  while (p != end) {
    std::uint64_t word;
    if (end - p >= 8 && (std::memcpy(&word, p, 8), plain(word))) {
      std::memcpy(out, p, 8);
      p += 8;
      out += 8;
      continue;
    }
    // Not word by word but eight characters: then words are tried again.
    for (int i = 0; i < 8 && p != end; ++i) out = put_character(p, end, out);
  }
  return out;
}

char* json_escape_max(std::string_view text, std::size_t limit, char* out) noexcept {
  assert(limit >= kEllipsis.size());
  if (text.size() <= limit / kJsonEscapeGrowth) return json_escape(text, out);
  const char* p = text.data();
  const char* end = p + text.size();
  char* last = out + limit;
  char* cut = out;  // the last place where the ellipsis still fits
  while (p != end) {
    std::uint64_t word;
    if (end - p >= 8 && last - out >= 16 && (std::memcpy(&word, p, 8), plain(word))) {
      std::memcpy(out, p, 8);
      p += 8;
      cut = out += 8;
      continue;
    }
    char character[kJsonEscapeGrowth];
    std::string_view piece(character, static_cast<std::size_t>(put_character(p, end, character) - character));
    if (static_cast<std::size_t>(last - out) < piece.size()) return put(kEllipsis, cut);
    out = put(piece, out);
    if (static_cast<std::size_t>(last - out) >= kEllipsis.size()) cut = out;
  }
  return out;
}

}  // namespace gatehouse
