// Texts of strangers on a terminal.
#pragma once

#include <string>
#include <string_view>

namespace gatehouse {

// Controls (C0, DEL, and C1 as UTF-8 writes them) as '?', so that no text moves a cursor or sets a title. All
// else stays.
inline std::string without_controls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    const bool c1 = c == 0xc2 && next >= 0x80 && next <= 0x9f;
    out += c < 0x20 || c == 0x7f || c1 ? '?' : text[i];
    if (c1) ++i;
  }
  return out;
}

}  // namespace gatehouse
