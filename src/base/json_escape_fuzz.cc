// Whatever goes in, what comes out is the inside of a JSON string, keeps to its bounds, and means the same.
#include "base/json_escape.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace gatehouse;

void require(bool b) {
  if (!b) std::abort();
}

// A strict reader that shares nothing with what it checks: code points of a JSON string's inside.
std::vector<std::uint32_t> read(std::string_view s) {
  std::vector<std::uint32_t> out;
  for (std::size_t i = 0; i < s.size();) {
    auto c = static_cast<unsigned char>(s[i]);
    require(c >= 0x20 && c != '"');
    if (c == '\\') {
      require(i + 1 < s.size());
      constexpr std::string_view names = "\"\\/bfnrt";
      constexpr std::string_view values = "\"\\/\b\f\n\r\t";
      if (auto k = names.find(s[i + 1]); k != names.npos) {
        out.push_back(static_cast<unsigned char>(values[k]));
        i += 2;
        continue;
      }
      require(s[i + 1] == 'u' && i + 6 <= s.size());
      std::uint32_t v = 0;
      for (std::size_t k = i + 2; k < i + 6; ++k) {
        constexpr std::string_view digits = "0123456789abcdef";
        auto d = digits.find(s[k]);
        require(d != digits.npos);
        v = v * 16 + static_cast<std::uint32_t>(d);
      }
      out.push_back(v);
      i += 6;
      continue;
    }
    int more = c < 0x80 ? 0 : (c & 0xe0) == 0xc0 ? 1 : (c & 0xf0) == 0xe0 ? 2 : (c & 0xf8) == 0xf0 ? 3 : -1;
    require(more >= 0);
    std::uint32_t v = more == 0 ? c : c & (0x3fU >> more);
    for (++i; more > 0; --more, ++i) {
      require(i < s.size() && (s[i] & 0xc0) == 0x80);
      v = v << 6 | (static_cast<unsigned char>(s[i]) & 0x3fU);
    }
    require(v <= 0x10ffff && (v < 0xd800 || v > 0xdfff));
    out.push_back(v);
  }
  return out;
}

// What the bytes mean, by trying the lengths one after the other.
std::vector<std::uint32_t> meaning(std::string_view s) {
  std::vector<std::uint32_t> out;
  while (!s.empty()) {
    std::size_t taken = 0;
    for (std::size_t n = 1; n <= 4 && n <= s.size() && !taken; ++n) {
      constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
      constexpr unsigned marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
      constexpr unsigned masks[] = {0, 0x80, 0xe0, 0xf0, 0xf8};
      auto first = static_cast<unsigned char>(s[0]);
      if ((first & masks[n]) != marks[n]) continue;
      std::uint32_t v = first & ~masks[n];
      bool good = true;
      for (std::size_t k = 1; k < n; ++k) {
        good &= (s[k] & 0xc0) == 0x80;
        v = v << 6 | (static_cast<unsigned char>(s[k]) & 0x3fU);
      }
      if (!good || v < smallest[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) continue;
      out.push_back(v);
      taken = n;
    }
    if (!taken) out.push_back(0xfffd);
    s.remove_prefix(taken ? taken : 1);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::size_t limit = 3 + data[0];
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<char> out(kJsonEscapeGrowth *
                        text.size());  // exact, so that AddressSanitizer sees a byte too many
  std::string_view whole(out.data(), static_cast<std::size_t>(json_escape(text, out.data()) - out.data()));
  auto expected = meaning(text);
  require(read(whole) == expected);

  std::vector<char> little(limit);
  std::string_view cut(little.data(),
                       static_cast<std::size_t>(json_escape_max(text, limit, little.data()) - little.data()));
  if (whole.size() <= limit) {
    require(cut == whole);
  } else {
    auto got = read(cut);
    require(!got.empty() && got.back() == 0x2026 && got.size() <= expected.size());
    got.pop_back();
    require(std::equal(got.begin(), got.end(), expected.begin()));
    require(cut.size() + 6 + 3 > limit);  // and no shorter than it must be
  }
  return 0;
}
