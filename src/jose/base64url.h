// base64url without padding (RFC 7515 section 2, RFC 4648 section 5), in the one spelling that each text has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gatehouse::jose {

// Bytes that `characters` of base64url stand for.
constexpr std::size_t base64url_decoded_size(std::size_t characters) noexcept {
  return characters / 4 * 3 + (characters % 4 == 0 ? 0 : characters % 4 - 1);
}

// How many bytes were written to `out`, which has room for base64url_decoded_size(text.size()). nullopt for
// padding, spaces, any character outside the alphabet, a length that no bytes have, and bits that are left
// over and not zero: two texts never mean the same bytes. Never allocates.
std::optional<std::size_t> base64url_decode(std::string_view text, char* out) noexcept;
std::optional<std::string> base64url_decode(std::string_view text);

std::string base64url_encode(std::string_view bytes);
std::string base64url_encode(std::span<const std::uint8_t> bytes);

}  // namespace gatehouse::jose
