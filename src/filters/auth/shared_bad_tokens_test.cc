#include "filters/auth/shared_bad_tokens.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace gatehouse::filters {
namespace {

constexpr Time kStart{Duration(100h)};
IpAddress ip(std::string_view text) { return *parse_ip(text); }

TEST(SharedBadTokens, ABurstAndThenARate) {
  SharedBadTokens bad({.count = 50, .per = 1s, .burst = 50}, 1);
  const IpAddress a = ip("192.0.2.1");
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(bad.wait(a, kStart), Duration{}) << i;
    bad.charge(a, kStart);
  }
  EXPECT_GT(bad.wait(a, kStart), Duration{});
  EXPECT_LE(bad.wait(a, kStart), 20ms);
  EXPECT_EQ(bad.wait(ip("192.0.2.2"), kStart), Duration{}) << "another's tokens are another's";
  EXPECT_EQ(bad.wait(a, kStart + 20ms), Duration{});
  bad.charge(a, kStart + 20ms);
  EXPECT_GT(bad.wait(a, kStart + 20ms), Duration{});
  EXPECT_EQ(bad.wait(a, kStart + 1020ms), Duration{});
}

TEST(SharedBadTokens, AFloodDoesNotShutAnAddressOutForHours) {
  SharedBadTokens bad({.count = 50, .per = 1s, .burst = 50}, 1);
  const IpAddress a = ip("192.0.2.1");
  for (int i = 0; i < 100000; ++i) bad.charge(a, kStart);
  EXPECT_LE(bad.wait(a, kStart), 20ms);
}

TEST(SharedBadTokens, OfIPv6TheNetworkCounts) {
  SharedBadTokens bad({.count = 1, .per = 1s, .burst = 1}, 1);
  bad.charge(ip("2001:db8::1"), kStart);
  EXPECT_GT(bad.wait(ip("2001:db8::ffff:2"), kStart), Duration{});
  EXPECT_EQ(bad.wait(ip("2001:db8:0:1::1"), kStart), Duration{});
  bad.charge(ip("192.0.2.1"), kStart);
  EXPECT_EQ(bad.wait(ip("192.0.2.2"), kStart), Duration{});
}

// Many addresses push each other out, but one that goes on is found again.
TEST(SharedBadTokens, AFloodOfAddressesStaysInTheTable) {
  SharedBadTokens bad({.count = 10, .per = 1s, .burst = 10}, 1);
  const IpAddress a = ip("192.0.2.1");
  for (std::uint32_t i = 0; i < 100000; ++i) {
    bad.charge(IpAddress::v4(0x0a000000 + i), kStart);
    if (i % 100 == 0) bad.charge(a, kStart);
  }
  EXPECT_GT(bad.wait(a, kStart), Duration{});
}

TEST(SharedBadTokens, TheWordComesRound) {
  SharedBadTokens bad({.count = 1, .per = 1s, .burst = 1}, 1);
  const IpAddress a = ip("192.0.2.1");
  Time t = kStart;
  for (int day = 0; day < 200; ++day) {
    EXPECT_EQ(bad.wait(a, t), Duration{}) << day;
    bad.charge(a, t);
    EXPECT_GT(bad.wait(a, t), Duration{}) << day;
    t += 24h;
  }
  for (int weeks = 0; weeks < 30; ++weeks) {  // long silence is no debt
    bad.charge(a, t);
    EXPECT_EQ(bad.wait(a, t + weeks * 168h + 1s), Duration{}) << weeks;
  }
}

TEST(SharedBadTokens, RatesBeyondWhatAWordHolds) {
  SharedBadTokens slow({.count = 1, .per = 24h, .burst = 1000000}, 1);
  const IpAddress a = ip("192.0.2.1");
  slow.charge(a, kStart);
  EXPECT_EQ(slow.wait(a, kStart), Duration{});
  SharedBadTokens fast({.count = 100000000, .per = 1s, .burst = 1}, 1);
  fast.charge(a, kStart);
  EXPECT_EQ(fast.wait(a, kStart + 1us), Duration{});
}

TEST(SharedBadTokens, SeveralThreads) {
  SharedBadTokens bad({.count = 1000, .per = 1s, .burst = 1000}, 1);
  const IpAddress a = ip("192.0.2.1");
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 249; ++n) bad.charge(a, kStart);
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(bad.wait(a, kStart), Duration{}) << "996 of 1000";
  for (int n = 0; n < 4; ++n) bad.charge(a, kStart);
  EXPECT_GT(bad.wait(a, kStart), Duration{}) << "none was lost";
}

}  // namespace
}  // namespace gatehouse::filters
