#include "net/min_rate.h"

#include <gtest/gtest.h>

namespace gatehouse::net {
namespace {

constexpr Time kStart{1h};

// A peer that is waited for all along and moves `bytes` a second: after how many seconds it has failed.
int fails_after(MinRate& rate, std::uint64_t bytes, int seconds, Time now = kStart) {
  for (int i = 0; i < seconds; ++i, now += 1s) {
    rate.begin(now);
    rate.add(bytes);
    if (rate.fails_at() <= now + 1s) return i + 1;
    rate.end(now + 1s);
  }
  return -1;
}

TEST(MinRate, IsJudgedForTheFirstTimeAfterThirtySeconds) {
  MinRate slow(200);
  EXPECT_EQ(fails_after(slow, 100, 1000), 30);
  MinRate nothing(1);
  nothing.begin(kStart);
  EXPECT_EQ(nothing.fails_at(), kStart + 30s);
}

TEST(MinRate, WhoKeepsItNeverFails) {
  MinRate rate(200);
  EXPECT_EQ(fails_after(rate, 200, 3600), -1);
}

TEST(MinRate, IsAnAverageOverTheLastThirtySeconds) {
  MinRate rate(200);
  rate.add(1'000'000);  // long ago is no credit
  EXPECT_EQ(fails_after(rate, 0, 1000), 35);
  MinRate bursts(200);
  EXPECT_EQ(fails_after(bursts, 1000, 100), -1);
  EXPECT_EQ(fails_after(bursts, 100, 100, kStart + 100s), 30) << "it was good until then";
}

TEST(MinRate, TimeInWhichNobodyWaitedForItIsNotCharged) {
  MinRate rate(200);
  Time now = kStart;
  for (int i = 0; i < 400; ++i, now += 60s) {
    rate.begin(now);
    ASSERT_GT(rate.fails_at(), now + 100ms) << i;
    rate.add(21);
    rate.end(now + 100ms);
  }
  rate.begin(now);
  EXPECT_LE(rate.fails_at(), now + 30s) << "as soon as it is waited for";
}

TEST(MinRate, BytesThatComeAsASlotEndsDoNotPutTheVerdictOff) {
  MinRate rate(200);
  Time now = kStart;
  int slots = 0;
  for (; !rate.too_slow() && slots < 100; ++slots, now += MinRate::kSlot) {
    rate.begin(now);
    rate.add(10);
    rate.end(now + MinRate::kSlot);
  }
  EXPECT_EQ(slots, 6);
  rate.begin(now);
  EXPECT_EQ(rate.fails_at(), now);
}

TEST(MinRate, OffIsNever) {
  MinRate off(0);
  EXPECT_FALSE(off.on());
  off.begin(kStart);
  EXPECT_EQ(off.fails_at(), kNever);
}

}  // namespace
}  // namespace gatehouse::net
