// Text from anywhere, made safe inside the quotes of a JSON string.
#pragma once

#include <cstddef>
#include <string_view>

namespace gatehouse {

inline constexpr std::size_t kJsonEscapeGrowth = 6;  // a byte becomes at most \u00XX

// Writes `text` escaped (RFC 8259, section 7), without quotes, and returns the end. `out` has room for
// kJsonEscapeGrowth * text.size() bytes and does not overlap `text`. The result is always valid UTF-8: each
// byte that belongs to no well-formed sequence becomes U+FFFD.
char* json_escape(std::string_view text, char* out) noexcept;

// The same, but writes at most `limit` bytes (at least 3): a text that does not fit is cut between two
// characters and ends with U+2026, the ellipsis.
char* json_escape_max(std::string_view text, std::size_t limit, char* out) noexcept;

}  // namespace gatehouse
