#include "gateway/tls_failures.h"

#include <gtest/gtest.h>

#include <vector>

#include "net/memory_network.h"

namespace gatehouse::gateway {
namespace {

constexpr Error kCipher{Errc::tls_failed, Origin::gateway, Retry::safe, "no shared cipher"};
constexpr Error kClosed{Errc::io_closed, Origin::gateway, Retry::safe, "the client went away"};

class TlsFailuresTest : public ::testing::Test {
 protected:
  std::vector<std::uint64_t> counts() const {
    std::vector<std::uint64_t> all;
    all.reserve(told.size());
    for (const auto& f : told) all.push_back(f.count);
    return all;
  }
  void fail_every(Duration interval, Duration during) {
    for (Duration d{}; d < during; d += interval) {
      failures.note("public", IpAddress::v4(1), kCipher);
      world.run_for(interval);
    }
  }
  net::MemoryWorld world{1};
  net::MemoryHost host{world};
  std::vector<FailedHandshakes> told;
  TlsFailures failures{host.loop, [this](const FailedHandshakes& f) { told.push_back(f); }};
};

TEST_F(TlsFailuresTest, TheFirstIsToldAtOnce) {
  failures.note("public", IpAddress::v4(1), kCipher);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].listener, "public");
  EXPECT_EQ(told[0].client, IpAddress::v4(1));
  EXPECT_EQ(told[0].error.detail, "no shared cipher");
  EXPECT_EQ(told[0].count, 1U);
  world.run_for(1h);
  EXPECT_EQ(told.size(), 1U);
  EXPECT_EQ(world.step(kNever), false) << "and no timer is left";
}

TEST_F(TlsFailuresTest, WhatFollowsIsSummedUp) {
  for (std::uint32_t i = 1; i <= 1000; ++i) failures.note("public", IpAddress::v4(i), kCipher);
  EXPECT_EQ(counts(), (std::vector<std::uint64_t>{1}));
  world.run_for(1100ms);
  EXPECT_EQ(counts(), (std::vector<std::uint64_t>{1, 999}));
  EXPECT_EQ(told[1].client, IpAddress::v4(1000)) << "the last one";
}

TEST_F(TlsFailuresTest, OtherReasonsAndListenersAreKindsOfTheirOwn) {
  failures.note("public", IpAddress::v4(1), kCipher);
  failures.note("public", IpAddress::v4(1), kClosed);
  failures.note("mesh", IpAddress::v4(1), kCipher);
  failures.note("mesh", IpAddress::v4(1), kCipher);
  EXPECT_EQ(counts(), (std::vector<std::uint64_t>{1, 1, 1}));
}

TEST_F(TlsFailuresTest, AScannerCostsALineAMinute) {
  fail_every(100ms, 1h);
  EXPECT_LT(told.size(), 70U);
  EXPECT_GT(told.size(), 60U);
  std::uint64_t sum = 0;
  for (const auto& f : told) sum += f.count;
  EXPECT_GE(sum, 36'000U - 600U);
}

TEST_F(TlsFailuresTest, NorDoesOneThatTakesItsTime) {
  fail_every(2s, 1h);
  EXPECT_LT(told.size(), 70U);
}

TEST_F(TlsFailuresTest, AfterAWhileWithoutTheNextIsTheFirstAgain) {
  fail_every(100ms, 10s);
  world.run_for(70s);
  told.clear();
  failures.note("public", IpAddress::v4(1), kCipher);
  EXPECT_EQ(counts(), (std::vector<std::uint64_t>{1}));
}

}  // namespace
}  // namespace gatehouse::gateway
