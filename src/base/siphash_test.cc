#include "base/siphash.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace gatehouse {
namespace {

// Reference implementation of the authors, vectors.h: key 00 01 .. 0f, texts 00 01 .. of growing length.
constexpr SipKey kKey = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

std::string text_of(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text.push_back(static_cast<char>(i));
  return text;
}
std::string hex(const Hash128& h) {
  std::string out;
  for (std::uint64_t word : {h.low, h.high})
    for (int i = 0; i < 8; ++i) {
      static constexpr char kDigits[] = "0123456789abcdef";
      const auto byte = static_cast<unsigned>(word >> (8 * i) & 0xff);
      out += {kDigits[byte >> 4], kDigits[byte & 15]};
    }
  return out;
}

TEST(SipHash, VectorsOfTheAuthors) {
  const std::array<std::pair<std::size_t, const char*>, 5> cases = {{
      {0, "a3817f04ba25a8e66df67214c7550293"},
      {1, "da87c1d86b99af44347659119b22fc45"},
      {2, "8177228da4a45dc7fca38bdef60affe4"},
      {3, "9c70b60c5267a94e5f33b6b02985ed51"},
      {4, "f88164c12d9c8faf7d0f6e7c7bcd5579"},
  }};
  for (const auto& [size, expected] : cases) EXPECT_EQ(hex((SipHash<2, 4>(kKey)(text_of(size)))), expected);
}

TEST(SipHash, WordsFirstAreTheSameText) {
  const std::string text = text_of(29);
  SipHash<1, 3> parts(kKey);
  parts.add(0x0706050403020100);
  parts.add(0x0f0e0d0c0b0a0908);
  EXPECT_EQ(parts(std::string_view(text).substr(16)), (SipHash<1, 3>(kKey)(text)));
}

TEST(SipHash, EveryBitOfKeyTextAndLengthCounts) {
  const std::string text = text_of(24);
  const Hash128 whole = SipHash<1, 3>(kKey)(text);
  EXPECT_NE(whole, (SipHash<1, 3>({kKey[0] ^ 1, kKey[1]})(text)));
  EXPECT_NE(whole, (SipHash<1, 3>({kKey[0], kKey[1] ^ (1ULL << 63)})(text)));
  for (std::size_t i = 0; i < text.size() * 8; ++i) {
    std::string other = text;
    other[i / 8] = static_cast<char>(other[i / 8] ^ (1 << (i % 8)));
    EXPECT_NE(whole, (SipHash<1, 3>(kKey)(other))) << i;
  }
  EXPECT_NE((SipHash<1, 3>(kKey)(std::string(8, '\0'))), (SipHash<1, 3>(kKey)(std::string(9, '\0'))));
}

}  // namespace
}  // namespace gatehouse
