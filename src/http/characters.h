// Classes of characters that the grammars of HTTP and of URIs are made of.
#pragma once

#include <array>
#include <cstdint>

namespace gatehouse::http {

enum CharacterClass : std::uint8_t {
  kToken = 1,        // tchar, RFC 9110 section 5.6.2
  kValue = 2,        // field-vchar, SP, HTAB: all but controls
  kTarget = 4,       // visible ASCII without '#': what a request target may be made of
  kHost = 8,         // unreserved / sub-delims, RFC 3986 section 3.2.2
  kUnreserved = 16,  // RFC 3986 section 2.3
  kHex = 32,
  kAlnum = 64,
};

constexpr bool in_set(unsigned char c, const char* set) {
  for (; *set; ++set)
    if (static_cast<unsigned char>(*set) == c) return true;
  return false;
}

constexpr std::array<std::uint8_t, 256> make_character_table() {
  std::array<std::uint8_t, 256> table{};
  for (unsigned i = 0; i < 256; ++i) {
    auto c = static_cast<unsigned char>(i);
    bool digit = c >= '0' && c <= '9';
    bool alnum = digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    unsigned bits = 0;
    if (alnum || in_set(c, "!#$%&'*+-.^_`|~")) bits |= kToken;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) bits |= kValue;
    if (c > 0x20 && c < 0x7f && c != '#') bits |= kTarget;
    if (alnum || in_set(c, "-._~!$&'()*+,;=")) bits |= kHost;
    if (alnum || in_set(c, "-._~")) bits |= kUnreserved;
    if (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) bits |= kHex;
    if (alnum) bits |= kAlnum;
    table[i] = static_cast<std::uint8_t>(bits);
  }
  return table;
}

inline constexpr std::array<std::uint8_t, 256> kCharacters = make_character_table();

constexpr bool is(char c, CharacterClass which) noexcept {
  return (kCharacters[static_cast<unsigned char>(c)] & which) != 0;
}

constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Of a character in kHex.
constexpr unsigned hex_value(char c) noexcept {
  return is_digit(c) ? static_cast<unsigned>(c - '0') : static_cast<unsigned>((c | 0x20) - 'a' + 10);
}

}  // namespace gatehouse::http
