#include "upstream/shared_service.h"

#include <gtest/gtest.h>

#include <optional>

namespace gatehouse::upstream {
namespace {

constexpr Time kStart{Duration(1h)};

unsigned take_all(RetryBudget& budget, double share, Time now) {
  unsigned n = 0;
  while (n < 10'000 && budget.take(share, now)) ++n;
  return n;
}

TEST(RetryBudget, IsAShareOfTheTrafficPlusThreeASecond) {
  RetryBudget budget;
  EXPECT_EQ(take_all(budget, 0.2, kStart), 30U) << "without any traffic";
  EXPECT_EQ(take_all(budget, 0.2, kStart), 0U);
  budget.count(1000, kStart);
  EXPECT_EQ(take_all(budget, 0.2, kStart), 200U);
}

TEST(RetryBudget, ForgetsAfterTenSeconds) {
  RetryBudget budget;
  budget.count(1000, kStart);
  EXPECT_EQ(take_all(budget, 0.2, kStart + 9s), 230U);
  EXPECT_EQ(take_all(budget, 0.2, kStart + 10s), 0U) << "the traffic is forgotten, its retries are not yet";
  EXPECT_EQ(take_all(budget, 0.2, kStart + 19s), 30U);
}

TEST(RetryBudget, CountsEverySecondOfTheWindow) {
  RetryBudget budget;
  for (int s = 0; s < 10; ++s) budget.count(100, kStart + Duration(1s) * s);
  EXPECT_EQ(take_all(budget, 0.1, kStart + 9s), 130U);
}

TEST(InFlight, GivesAsManyPermitsAsTheLimit) {
  InFlight in_flight;
  auto a = in_flight.take(2);
  std::optional b = in_flight.take(2);
  EXPECT_TRUE(a && *b);
  EXPECT_FALSE(in_flight.take(2));
  EXPECT_EQ(in_flight.count(), 2U) << "a refusal takes nothing";
  b.reset();
  auto moved = std::move(a);
  EXPECT_EQ(in_flight.count(), 1U);
  EXPECT_TRUE(in_flight.take(2));
}

}  // namespace
}  // namespace gatehouse::upstream
