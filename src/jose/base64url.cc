#include "jose/base64url.h"

#include <array>

namespace gatehouse::jose {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint32_t kNone = 0x80;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(static_cast<std::uint8_t>(kNone));
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  return values;
}
constexpr std::array<std::uint8_t, 256> kValues = make_values();

std::uint32_t value_of(char c) noexcept { return kValues[static_cast<unsigned char>(c)]; }
char low_byte(std::uint32_t bits) noexcept { return static_cast<char>(bits & 0xffU); }

}  // namespace

std::optional<std::size_t> base64url_decode(std::string_view text, char* out) noexcept {
  char* const begin = out;
  std::uint32_t seen = 0;  // kNone once any character was none of ours
  const std::size_t whole = text.size() / 4 * 4;
  for (std::size_t i = 0; i < whole; i += 4) {
    const std::uint32_t a = value_of(text[i]);
    const std::uint32_t b = value_of(text[i + 1]);
    const std::uint32_t c = value_of(text[i + 2]);
    const std::uint32_t d = value_of(text[i + 3]);
    seen |= a | b | c | d;
    const std::uint32_t bits = a << 18U | b << 12U | c << 6U | d;
    *out++ = low_byte(bits >> 16U);
    *out++ = low_byte(bits >> 8U);
    *out++ = low_byte(bits);
  }
  const std::string_view rest = text.substr(whole);
  if (rest.size() == 1) return std::nullopt;
  if (!rest.empty()) {
    const std::uint32_t a = value_of(rest[0]);
    const std::uint32_t b = value_of(rest[1]);
    const std::uint32_t c = rest.size() == 3 ? value_of(rest[2]) : 0;
    seen |= a | b | c;
    const std::uint32_t bits = a << 18U | b << 12U | c << 6U;
    if ((bits & (rest.size() == 3 ? 0xffU : 0xffffU)) != 0) return std::nullopt;
    *out++ = low_byte(bits >> 16U);
    if (rest.size() == 3) *out++ = low_byte(bits >> 8U);
  }
  if ((seen & kNone) != 0) return std::nullopt;
  return static_cast<std::size_t>(out - begin);
}

std::optional<std::string> base64url_decode(std::string_view text) {
  std::string out(base64url_decoded_size(text.size()), '\0');
  if (!base64url_decode(text, out.data())) return std::nullopt;
  return out;
}

std::string base64url_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  unsigned have = 0;
  for (char byte : bytes) {
    bits = bits << 8U | static_cast<unsigned char>(byte);
    for (have += 8; have >= 6; have -= 6) out += kAlphabet[bits >> (have - 6) & 0x3fU];
  }
  if (have != 0) out += kAlphabet[bits << (6 - have) & 0x3fU];
  return out;
}

std::string base64url_encode(std::span<const std::uint8_t> bytes) {
  return base64url_encode(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace gatehouse::jose
