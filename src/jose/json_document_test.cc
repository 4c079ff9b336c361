#include "jose/json_document.h"

#include <gmock/gmock.h>

#include <string>

namespace gatehouse::jose {
namespace {

bool parses(std::string_view text) {
  JsonDocument document;
  return document.parse(text);
}

TEST(JsonDocument, TakesOneObjectAndNothingBehindIt) {
  for (std::string_view good : {"{}", R"({"a":1})", " {\"a\" :\t[1, -2.5e3, \"x\", null, true, {}]}\r\n"})
    EXPECT_TRUE(parses(good)) << good;
  for (std::string_view bad : {"",
                               " ",
                               "[]",
                               "1",
                               "\"a\"",
                               "null",
                               "{",
                               "}",
                               "{}{}",
                               "{},",
                               "{} x",
                               R"({"a":1,})",
                               R"({a:1})",
                               R"({'a':1})",
                               R"({"a":01})",
                               R"({"a":+1})",
                               R"({"a":.5})",
                               R"({"a":NaN})",
                               R"({"a":0x1})",
                               R"({"a":"b)",
                               R"({"a":1 /* x */})",
                               R"({"a":tru})",
                               R"({"a" 1})",
                               R"({,})",
                               "\xef\xbb\xbf{}"})
    EXPECT_FALSE(parses(bad)) << bad;
  EXPECT_FALSE(parses(std::string_view("{}\0", 3)));
  EXPECT_FALSE(parses(std::string_view("\0{}", 3)));
}

TEST(JsonDocument, RefusesAMemberTwiceAtEveryDepth) {
  EXPECT_FALSE(parses(R"({"a":1,"a":1})"));
  EXPECT_FALSE(parses(R"({"a":1,"\u0061":1})"));
  EXPECT_FALSE(parses(R"({"x":{"a":1,"b":2,"a":3}})"));
  EXPECT_FALSE(parses(R"({"x":[[{"a":1,"a":3}]]})"));
  EXPECT_FALSE(parses(R"({"":1,"":1})"));
  EXPECT_TRUE(parses(R"({"a":{"a":{"a":[{"a":1},{"a":1}]}}})"));
  EXPECT_TRUE(parses(R"({"a":1,"A":1,"a ":1,"a\u0000":1})"));
  std::string many = "{";
  for (int i = 0; i < 1000; ++i) many += "\"m" + std::to_string(i) + "\":1,";
  EXPECT_TRUE(parses(many + "\"m1000\":1}"));
  EXPECT_FALSE(parses(many + "\"m500\":1}"));
}

TEST(JsonDocument, RefusesWhatIsNoUtf8) {
  EXPECT_TRUE(parses("{\"\xc3\xa4\":\"\xf0\x9f\x98\x80\"}"));
  EXPECT_TRUE(parses(R"({"a":"\ud83d\ude00\u0000"})"));
  for (std::string_view bad :
       {"{\"a\":\"\xff\"}", "{\"a\":\"\xc0\x80\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"\xc3\":1}",
        "{\"a\":\"\xf4\x90\x80\x80\"}", "{\"a\":\"\x01\"}", "{\"a\":\"\n\"}"})
    EXPECT_FALSE(parses(bad)) << bad;
  for (std::string_view half : {R"({"a":"\ud800"})", R"({"a":"\udc00"})", R"({"a":"\udc00\ud800"})",
                                R"({"\udfff":1})", R"({"a":"\ud800x"})", R"({"a":"\ud800\u0041"})",
                                R"({"a":["\udead"]})", R"({"a":"\x41"})", R"({"a":"\u12g4"})"})
    EXPECT_FALSE(parses(half)) << half;
}

TEST(JsonDocument, IsNestedToSixteen) {
  const auto lists = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  const auto full_lists = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + "1" + std::string(depth - 1, ']') + "}";
  };
  const auto objects = [](std::size_t depth) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += "{\"a\":";
    return text + "1" + std::string(depth, '}');
  };
  for (const auto& nested : {lists(16), full_lists(16), objects(16)}) EXPECT_TRUE(parses(nested)) << nested;
  for (const auto& nested :
       {lists(17), full_lists(17), objects(17), lists(18), objects(18), objects(2000), lists(8000)})
    EXPECT_FALSE(parses(nested)) << nested.size();
}

TEST(JsonDocument, IsUsedAgainForSmallerAndLarger) {
  JsonDocument document;
  const std::string large = "{\"a\":\"" + std::string(5000, 'x') + "\"}";
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(document.parse(large));
    EXPECT_FALSE(document.parse("{\"a\":"));
    ASSERT_TRUE(document.parse(R"({"b":2})"));
    EXPECT_EQ(document.root().at_key("b").get_int64().value(), 2);
  }
}

TEST(JsonDocument, NumbersAreThoseThatSixtyFourBitsHold) {
  for (std::string_view good :
       {"18446744073709551615", "-9223372036854775808", "1e300", "-0", "1.5", "1E-400"})
    EXPECT_TRUE(parses("{\"a\":" + std::string(good) + "}")) << good;
  for (std::string_view bad :
       {"18446744073709551616", "-9223372036854775809", "1e400", "-", "1.", "1e", "--1"})
    EXPECT_FALSE(parses("{\"a\":" + std::string(bad) + "}")) << bad;
}

}  // namespace
}  // namespace gatehouse::jose
