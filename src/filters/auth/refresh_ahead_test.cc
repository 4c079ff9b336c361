#include "filters/auth/refresh_ahead.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace gatehouse::filters {
namespace {

constexpr Time kStart{Duration(1h)};

class RefreshAheadTest : public ::testing::Test {
 protected:
  void changes_after(std::initializer_list<Duration> intervals) {
    for (Duration d : intervals) {
      now += d;
      ahead.changed(now);
    }
  }
  Time now = kStart;
  RefreshAhead ahead;
};

TEST_F(RefreshAheadTest, BeginsWithTheFirstChangeAtASecond) {
  EXPECT_EQ(ahead.interval(kStart + 5h), std::nullopt);
  changes_after({0s});
  EXPECT_EQ(ahead.interval(now), 1s);
  EXPECT_EQ(ahead.rotation(), std::nullopt);
}

TEST_F(RefreshAheadTest, SettlesToAQuarterOfWhatIsObserved) {
  changes_after({0s, 5s, 5s, 5s});
  EXPECT_EQ(ahead.interval(now), 1250ms);
  EXPECT_EQ(ahead.interval(now + 5s), 1250ms);
  EXPECT_EQ(ahead.rotation(), 5s);
}

TEST_F(RefreshAheadTest, WhileNoSecondChangeComesItWaitsLonger) {
  changes_after({0s});
  EXPECT_EQ(ahead.interval(now + 40s), 10s);
  EXPECT_EQ(ahead.interval(now + 100h), 1h) << "at most";
  // From the first to the cap in a few dozen fetches.
  int fetches = 0;
  for (Time t = now; *ahead.interval(t) < 1h; t += *ahead.interval(t)) ++fetches;
  EXPECT_LT(fetches, 60);
}

TEST_F(RefreshAheadTest, AChangeThatIsOverdueIsWaitedForEverMoreRarely) {
  changes_after({0s, 5s, 5s, 5s});
  EXPECT_EQ(ahead.interval(now + 40s), 10s);
  changes_after({40s});
  EXPECT_EQ(ahead.interval(now), 1250ms) << "one that came late is no habit";
}

TEST_F(RefreshAheadTest, LongHabitsAreLearned) {
  changes_after({0s, 24h, 24h, 24h});
  EXPECT_EQ(ahead.interval(now), 1h);
  changes_after({8min, 8min, 8min, 8min});
  EXPECT_EQ(ahead.interval(now), 2min);
}

TEST_F(RefreshAheadTest, AChangeSeenInTwoPiecesCostsLittle) {
  changes_after({0s, 10s, 24h, 10s, 24h});
  int fetches = 0;
  for (Time t = now; t < now + 24h; t += *ahead.interval(t)) ++fetches;
  EXPECT_LT(fetches, 80);
}

}  // namespace
}  // namespace gatehouse::filters
