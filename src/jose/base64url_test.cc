#include "jose/base64url.h"

#include <gmock/gmock.h>

#include <string>

namespace gatehouse::jose {
namespace {

TEST(Base64url, EncodesTheExamplesOfRfc4648WithoutPadding) {
  EXPECT_EQ(base64url_encode(""), "");
  EXPECT_EQ(base64url_encode("f"), "Zg");
  EXPECT_EQ(base64url_encode("fo"), "Zm8");
  EXPECT_EQ(base64url_encode("foo"), "Zm9v");
  EXPECT_EQ(base64url_encode("foob"), "Zm9vYg");
  EXPECT_EQ(base64url_encode("fooba"), "Zm9vYmE");
  EXPECT_EQ(base64url_encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64url_encode("\xfb\xff\xbf"), "-_-_");
}

TEST(Base64url, DecodesWhatItEncodes) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(base64url_decode(base64url_encode(bytes)), bytes) << i;
    EXPECT_EQ(base64url_decoded_size(base64url_encode(bytes).size()), bytes.size());
    bytes += static_cast<char>(i * 37);
  }
}

TEST(Base64url, RefusesEveryOtherSpelling) {
  for (std::string_view wrong : {"Zg==", "Zg=", "Zm8=", "A", "ABCDE", " Zm9v", "Zm9v ", "Zm 9v", "Zm9v\n",
                                 "Zm9\nv", "+/+/", "Zm9v.", "Zm9\xc3", "Zm9v====", "****"})
    EXPECT_EQ(base64url_decode(wrong), std::nullopt) << wrong;
  EXPECT_EQ(base64url_decode(std::string_view("Zm9\0", 4)), std::nullopt);
}

TEST(Base64url, RefusesUnusedBitsThatAreNotZero) {
  EXPECT_EQ(base64url_decode("Zg"), "f");
  EXPECT_EQ(base64url_decode("Zh"), std::nullopt);
  EXPECT_EQ(base64url_decode("Zv"), std::nullopt);
  EXPECT_EQ(base64url_decode("Zm8"), "fo");
  EXPECT_EQ(base64url_decode("Zm9"), std::nullopt);
}

TEST(Base64url, TwoTextsNeverMeanTheSameBytes) {
  // All that two characters can say: 256 of the 4096 are bytes.
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  int decoded = 0;
  for (char a : kAlphabet)
    for (char b : kAlphabet) decoded += base64url_decode(std::string{a, b}) ? 1 : 0;
  EXPECT_EQ(decoded, 256);
}

}  // namespace
}  // namespace gatehouse::jose
