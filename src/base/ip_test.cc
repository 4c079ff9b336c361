#include "base/ip.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace gatehouse {
namespace {

TEST(Ip, ReadsAndWrites) {
  struct {
    std::string_view text, canonical;
  } cases[] = {
      {"192.0.2.1", "192.0.2.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"::", "::"},
      {"::1", "::1"},
      {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},  // RFC 5952, section 4.2.3: the first of two equal runs
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // section 4.2.2: one group is not shortened
      {"::ffff:192.0.2.1", "192.0.2.1"},
  };
  for (const auto& c : cases) {
    auto ip = parse_ip(c.text);
    ASSERT_TRUE(ip) << c.text;
    EXPECT_EQ(to_string(*ip), c.canonical);
  }
}

TEST(Ip, RefusesEverythingElse) {
  using namespace std::string_view_literals;
  for (std::string_view text : {""sv, " 1.2.3.4"sv, "1.2.3.4 "sv, "1.2.3"sv, "1.2.3.4.5"sv, "1.2.3.256"sv,
                                "01.2.3.4"sv, "0x1.2.3.4"sv, "1.2.3.4/8"sv, "1.2.3.4:80"sv, "[::1]"sv,
                                "::1%lo"sv, ":::"sv, "1::2::3"sv, "12345::"sv, "localhost"sv, "1.2.3.4\0"sv,
                                "::1\0x"sv, "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111"sv})
    EXPECT_FALSE(parse_ip(text)) << text;
}

TEST(Ip, V4IsMapped) {
  IpAddress ip = IpAddress::v4(0xc0000201);
  EXPECT_TRUE(ip.is_v4());
  EXPECT_EQ(ip, *parse_ip("::ffff:c000:201"));
  EXPECT_FALSE(parse_ip("::1")->is_v4());
}

TEST(Ip, KnowsLoopback) {
  EXPECT_TRUE(parse_ip("127.0.0.1")->is_loopback());
  EXPECT_TRUE(parse_ip("127.255.0.9")->is_loopback());
  EXPECT_TRUE(parse_ip("::1")->is_loopback());
  EXPECT_FALSE(parse_ip("128.0.0.1")->is_loopback());
  EXPECT_FALSE(parse_ip("::2")->is_loopback());
  EXPECT_FALSE(parse_ip("::")->is_loopback());
}

TEST(Ip, RandomAddressesSurviveText) {
  Random random(4);
  for (int i = 0; i < 10'000; ++i) {
    IpAddress ip;
    for (auto& b : ip.bytes)
      b = random.below(3) ? std::uint8_t{0} : static_cast<std::uint8_t>(random.below(256));
    if (random.below(4) == 0) ip = IpAddress::v4(static_cast<std::uint32_t>(random.next()));
    EXPECT_EQ(parse_ip(to_string(ip)), ip) << to_string(ip);
  }
}

TEST(Ip, NetworksAgreeBitByBit) {
  Random random(5);
  for (int i = 0; i < 10'000; ++i) {
    IpAddress a;
    for (auto& b : a.bytes) b = static_cast<std::uint8_t>(random.below(256));
    IpAddress b = a;
    unsigned different = random.below(128);
    b.bytes[different / 8] ^= static_cast<std::uint8_t>(0x80U >> (different % 8));
    for (unsigned bits = 0; bits <= 128; ++bits)
      ASSERT_EQ(in_network(b, a.bytes, bits), bits <= different) << bits;
  }
}

TEST(Ip, WhatIsCountedAsOne) {
  EXPECT_EQ(to_string(network_of(*parse_ip("192.0.2.1"))), "192.0.2.1");
  EXPECT_EQ(to_string(network_of(*parse_ip("2001:db8:1:2:3:4:5:6"))), "2001:db8:1:2::");
}

}  // namespace
}  // namespace gatehouse
