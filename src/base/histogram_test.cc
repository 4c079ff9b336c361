#include "base/histogram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

#include "base/random.h"

namespace gatehouse {
namespace {

template <class Scale>
class ScaleTest : public testing::Test {};
using Scales = testing::Types<PrometheusScale, FineScale>;
TYPED_TEST_SUITE(ScaleTest, Scales);

TYPED_TEST(ScaleTest, BoundsRiseAndBelongToTheBucketBelow) {
  using Scale = TypeParam;
  EXPECT_EQ(Scale::index(Duration::zero()), 0U);
  for (std::size_t i = 0; i + 1 < Scale::kBuckets; ++i) {
    EXPECT_LT(Scale::upper(i), Scale::upper(i + 1));
    EXPECT_EQ(Scale::index(Scale::upper(i)), i);
    EXPECT_EQ(Scale::index(Scale::upper(i) + 1ns), i + 1);
  }
  EXPECT_EQ(Scale::index(Duration::max()), Scale::kBuckets - 1);
  EXPECT_EQ(Scale::upper(Scale::kBuckets - 1), Duration::max());
}

TEST(FineHistogram, QuantilesAreWithinFivePercent) {
  Random random(1);
  FineHistogram h;
  std::vector<Duration> all;
  for (int i = 0; i < 100'000; ++i) {
    // between 100 us and 10 s, evenly over the orders of magnitude
    double exponent = 5 + 5 * random.unit();
    Duration d(static_cast<Duration::rep>(std::pow(10, exponent)));
    all.push_back(d);
    h.record(d);
  }
  std::ranges::sort(all);
  auto reading = h.read();
  EXPECT_EQ(reading.count(), all.size());
  for (double q : {0.01, 0.1, 0.5, 0.9, 0.99, 0.999}) {
    auto exact =
        static_cast<double>(all[static_cast<std::size_t>(q * static_cast<double>(all.size()))].count());
    EXPECT_NEAR(static_cast<double>(reading.quantile(q).count()), exact, exact * 0.05) << q;
  }
}

TEST(Histogram, OneSecondIsToldFromAnother) {
  Histogram h;
  h.record(2ms);
  h.record(3ms);
  auto before = h.read();
  h.record(20ms);
  h.record(-5ms);  // a clock that went back counts as nothing
  auto second = h.read() - before;
  EXPECT_EQ(second.count(), 2U);
  EXPECT_EQ(second.sum, 20ms);
  EXPECT_EQ(second.counts[PrometheusScale::index(20ms)], 1U);
  EXPECT_EQ(second.counts[PrometheusScale::index(2ms)], 0U);
  second += before;
  EXPECT_EQ(second.count(), 4U);
}

TEST(Histogram, QuantilesAtTheEnds) {
  Histogram h;
  EXPECT_EQ(h.read().quantile(0.99), Duration::zero());
  h.record(90s);
  EXPECT_EQ(h.read().quantile(0.5), 60s);
  Histogram one;
  one.record(1ms);
  EXPECT_LE(one.read().quantile(1), 1ms);
  EXPECT_GT(one.read().quantile(1), 500us);
}

TEST(CountersThread, AReaderSeesThemGrow) {
  Counter counter;
  Histogram h;
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 100'000; ++i) {
      counter.add();
      h.record(1ms);
    }
    done = true;
  });
  std::uint64_t last = 0;
  while (!done) {
    std::uint64_t now = counter.value();
    EXPECT_GE(now, last);
    last = now;
    EXPECT_LE(h.read().count(), 100'000U);
  }
  writer.join();
  EXPECT_EQ(counter.value(), 100'000U);
  EXPECT_EQ(h.read().sum, 100s);
}

TEST(Gauge, GoesUpAndDown) {
  Gauge g;
  g.add(3);
  g.add(-5);
  EXPECT_EQ(g.value(), -2);
  g.set(7);
  EXPECT_EQ(g.value(), 7);
}

}  // namespace
}  // namespace gatehouse
