#include "http/scan.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "http/message.h"

namespace gatehouse::http {
namespace {

using Scan = const char* (*)(const char*, const char*);

struct Case {
  CharacterClass which;
  Scan portable;
  Scan used;
};
const Case kCases[] = {
    {kValue, scan::portable::end_of_value, scan::end_of_value},
    {kTarget, scan::portable::end_of_target, scan::end_of_target},
    {kToken, scan::portable::end_of_token, scan::end_of_token},
};

void check(const Case& c, const std::string& text) {
  const char* end = text.data() + text.size();
  for (std::size_t from = 0; from <= text.size(); ++from) {
    const char* p = text.data() + from;
    const auto want = scan::skip(p, end, c.which) - p;
    EXPECT_EQ(c.portable(p, end) - p, want) << testing::PrintToString(text) << " from " << from;
    EXPECT_EQ(c.used(p, end) - p, want) << testing::PrintToString(text) << " from " << from;
  }
}

TEST(Scan, EveryByteAtEveryPlace) {
  for (const Case& c : kCases) {
    for (int byte = 0; byte < 256; ++byte) {
      for (std::size_t at : {0U, 1U, 7U, 8U, 15U, 16U, 17U, 31U, 34U, 63U, 64U, 65U, 99U, 127U, 128U, 139U}) {
        std::string text(140, 'a');
        text[at] = static_cast<char>(byte);
        check(c, text);
      }
    }
  }
}

TEST(Scan, RandomTextsAgree) {
  std::mt19937 random(7);
  const std::string likely = "abcXYZ019-_.:\t \r\n#\x7f\x80\xff\x01";
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    const std::size_t size = random() % 200;
    const unsigned rare = round % 2 ? 8 : 200;
    while (text.size() < size) {
      if (random() % rare)
        text += static_cast<char>('a' + random() % 26);
      else if (random() % 4)
        text += likely[random() % likely.size()];
      else
        text += static_cast<char>(random());
    }
    for (const Case& c : kCases) check(c, text);
  }
}

TEST(Message, Methods) {
  EXPECT_EQ(method_of("GET"), Method::get);
  EXPECT_EQ(method_of("DELETE"), Method::delete_);
  EXPECT_EQ(method_of("OPTIONS"), Method::options);
  EXPECT_EQ(method_of("get"), Method::other);
  EXPECT_EQ(method_of(""), Method::other);
  EXPECT_TRUE(is_safe(Method::trace));
  EXPECT_FALSE(is_safe(Method::other));
  EXPECT_FALSE(is_safe(Method::connect));
}

TEST(Message, Reasons) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  for (int status : {0, 99, 299, 600, 999, 65535})
    EXPECT_EQ(reason_phrase(static_cast<std::uint16_t>(status)), "");
}

}  // namespace
}  // namespace gatehouse::http
