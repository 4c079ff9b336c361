#include "base/json_escape.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"

// The whole contract is checked there; here it runs over every byte and over random ones.
#include "base/json_escape_fuzz.cc"  // NOLINT(bugprone-suspicious-include)

namespace gatehouse {
namespace {

std::string escaped(std::string_view text) {
  std::string out(kJsonEscapeGrowth * text.size(), '?');
  out.resize(static_cast<std::size_t>(json_escape(text, out.data()) - out.data()));
  return out;
}

std::string cut(std::string_view text, std::size_t limit) {
  std::string out(limit, '?');
  out.resize(static_cast<std::size_t>(json_escape_max(text, limit, out.data()) - out.data()));
  return out;
}

void check(std::string_view text) {
  std::string input = "\x20" + std::string(text);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST(JsonEscape, LeavesPlainTextAlone) {
  std::string text = "GET /orders/42?a=b&c=d HTTP/1.1 ~}|{";
  for (std::size_t n = 0; n <= text.size(); ++n) EXPECT_EQ(escaped(text.substr(0, n)), text.substr(0, n));
}

TEST(JsonEscape, EscapesWhatMustBe) {
  EXPECT_EQ(escaped("\"\\/\b\f\n\r\t"), R"(\"\\/\b\f\n\r\t)");
  EXPECT_EQ(escaped(std::string_view("\0\x1b[31m\x7f", 7)), R"(\u0000\u001b[31m\u007f)");
}

TEST(JsonEscape, KeepsCharactersAndReplacesBytes) {
  EXPECT_EQ(escaped("naïve 日本 😀"), "naïve 日本 😀");
  EXPECT_EQ(escaped("\xff"), "\xef\xbf\xbd");
  EXPECT_EQ(escaped("a\xc3"), "a\xef\xbf\xbd");                // cut in the middle
  EXPECT_EQ(escaped("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");  // overlong
  EXPECT_EQ(escaped("\xed\xa0\x80").size(), 9U);               // a surrogate
  EXPECT_EQ(escaped("\xf4\x90\x80\x80").size(), 12U);          // beyond U+10FFFF
  EXPECT_EQ(escaped("\xe6\x97z"), "\xef\xbf\xbd\xef\xbf\xbdz");
}

TEST(JsonEscape, EveryByteAtEveryPlaceOfAWord) {
  for (int c = 0; c < 256; ++c) {
    for (std::size_t place = 0; place < 17; ++place) {
      std::string text(17, 'a');
      text[place] = static_cast<char>(c);
      check(text);
      bool clean = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
      EXPECT_EQ(escaped(text) == text, clean) << c;
    }
  }
}

TEST(JsonEscape, EveryPairOfBytes) {
  for (int a = 0; a < 256; ++a)
    for (int b = 0; b < 256; ++b) check(std::string{static_cast<char>(a), static_cast<char>(b)});
}

TEST(JsonEscape, RandomBytes) {
  Random random(3);
  for (int i = 0; i < 50'000; ++i) {
    std::string text(random.below(60), '\0');
    auto kind = random.below(3);
    for (char& c : text) {
      if (kind == 0) c = static_cast<char>(random.below(256));
      if (kind == 1)
        c = static_cast<char>(random.below(4) ? 0x80 + random.below(0x40) : 0xc0 + random.below(0x40));
      if (kind == 2) c = static_cast<char>(random.below(20) ? 0x20 + random.below(0x5f) : random.below(256));
    }
    text.insert(text.begin(), static_cast<char>(random.below(256)));  // the limit
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  }
}

TEST(JsonEscapeMax, CutsBetweenCharacters) {
  EXPECT_EQ(cut("hello", 5), "hello");
  EXPECT_EQ(cut("hello!", 5), "he…");
  EXPECT_EQ(cut("日本語", 9), "日本語");
  EXPECT_EQ(cut("日本語", 8), "日…");
  EXPECT_EQ(cut("\n\n\n\n", 7), R"(\n\n…)");
  EXPECT_EQ(cut("abcdef", 3), "…");
  EXPECT_EQ(cut("", 3), "");
  std::string big(1000, 'x');
  EXPECT_EQ(cut(big, 100).size(), 100U);
}

}  // namespace
}  // namespace gatehouse
