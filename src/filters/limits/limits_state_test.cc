#include "filters/limits/limits_state.h"

#include <gtest/gtest.h>

#include <memory>

#include "filters/limits/limiter.h"
#include "gateway/state_file_testing.h"

namespace gatehouse::filters {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kKeys = 100'002;  // more than the first level of a table holds

LimitKey key(std::uint64_t n) { return SipHash<1, 3>({1, 2})(std::to_string(n)); }

// A process: limits `a per user` and `fleet`, with numbers of its own.
struct Process {
  Process(std::size_t bytes, std::uint32_t number, const config::Rate& rate, const char* name = "a") {
    policy->table = std::make_shared<SharedLimitTable>(bytes);
    add(number, name, {config::LimitBy::Kind::user, {}}, rate);
    add(number + 1, "fleet", {}, {10, 1s, 10});
  }
  void add(std::uint32_t number, const char* name, const config::LimitBy& by, const config::Rate& rate) {
    auto use = std::make_unique<LimitUse>();
    use->portion = whole_of(rate);
    use->limit = std::make_shared<SharedLimit>(number, name, by, use->portion, 1);
    policy->all.push_back(std::move(use));
  }
  SharedLimit& limit(std::size_t i) { return *policy->all[i]->limit; }
  std::int64_t debt(std::size_t i, const LimitKey& k, std::int64_t now) {
    return debt_of(*policy->table, limit(i), k, now);
  }
  std::shared_ptr<LimitPolicy> policy = std::make_shared<LimitPolicy>();
};

gateway::testing::MemoryFile taken_from(const Process& process, std::int64_t now) {
  LimitsExport taken(process.policy, WallTime{}, now);
  std::string text;
  while (taken.turn(7)) text += taken.take();
  return gateway::testing::MemoryFile(text + taken.finish());
}
std::size_t keys_in(const gateway::testing::MemoryFile& file) { return KeptLimits::read(file)->keys(); }
void import(const gateway::testing::MemoryFile& file, const Process& into, std::int64_t passed,
            std::int64_t now) {
  EXPECT_TRUE(import_limits(*KeptLimits::read(file), *into.policy, passed, now));
}

class LimitsState : public ::testing::Test {
 protected:
  LimitsState() {
    for (std::uint64_t n = 0; n < kKeys; ++n) {
      Charge charge{.limit = &before.limit(0), .key = key(n), .units = 1 + n % 3};
      EXPECT_EQ(test_and_charge(*before.policy->table, {&charge, 1}, kSecond, 0), nullptr);
    }
    Charge charge{.limit = &before.limit(1)};
    EXPECT_EQ(test_and_charge(*before.policy->table, {&charge, 1}, kSecond, 0), nullptr);
  }
  Process before{std::size_t{8} << 20, 5, {1, 10s, 5}};
};

TEST_F(LimitsState, EveryKeyOwesTheSameInTheNextProcess) {
  const gateway::testing::MemoryFile kept = taken_from(before, kSecond);
  // The same size, a smaller one and a larger one.
  for (const std::size_t megabytes : {8U, 4U, 32U}) {
    Process after(megabytes << 20, 0, {1, 10s, 5});
    import(kept, after, 2 * kSecond, 77 * kSecond);
    for (std::uint64_t n = 0; n < kKeys; ++n)
      ASSERT_EQ(after.debt(0, key(n), 77 * kSecond),
                static_cast<std::int64_t>(1 + n % 3) * 10 * kSecond - 2 * kSecond)
          << n;
    EXPECT_EQ(after.debt(0, key(kKeys), 77 * kSecond), 0);
    EXPECT_EQ(after.debt(1, {}, 77 * kSecond), 0) << "a tenth of a second has come back meanwhile";
    Charge again{.limit = &after.limit(0), .key = key(2), .units = 3};
    EXPECT_EQ(test_and_charge(*after.policy->table, {&again, 1}, 77 * kSecond, 0), &again);
  }
}

TEST_F(LimitsState, WhatHasComeBackIsNotKept) {
  const gateway::testing::MemoryFile kept = taken_from(before, 25 * kSecond);
  EXPECT_EQ(keys_in(kept), kKeys / 3) << "those that were charged for three";
  EXPECT_EQ(keys_in(taken_from(before, 40 * kSecond)), 0U);
}

TEST_F(LimitsState, OfOtherTermsItIsConverted) {
  Process after(std::size_t{8} << 20, 0, {1, 1s, 2});
  import(taken_from(before, kSecond), after, 0, kSecond);
  EXPECT_EQ(after.debt(0, key(0), kSecond), kSecond);
  EXPECT_EQ(after.debt(0, key(2), kSecond), 2 * kSecond) << "at most all that can be owed";
}

// A limit may be there already, under other terms than those that come into force.
TEST_F(LimitsState, WhatCameBackFollowsTheTermsThatComeIntoForce) {
  Process after(std::size_t{8} << 20, 0, {1, 10s, 5});
  const Portion next = whole_of({1, 1s, 2});
  import(taken_from(before, kSecond), after, 0, kSecond);
  ASSERT_TRUE(after.limit(0).set_terms(next));
  SharedLimit* const changed = &after.limit(0);
  convert_all(*after.policy->table, {&changed, 1}, kSecond);
  EXPECT_EQ(after.debt(0, key(0), kSecond), kSecond);
  EXPECT_EQ(after.debt(0, key(2), kSecond), 2 * kSecond);
}

TEST_F(LimitsState, TheTermsAreThoseOfTheLimitNotOfTheSnapshot) {
  Process after(std::size_t{8} << 20, 0, {1, 10s, 5});
  ASSERT_TRUE(after.limit(0).set_terms(whole_of({1, 1s, 2})));  // what a configuration before has left
  import(taken_from(before, kSecond), after, 0, kSecond);
  EXPECT_EQ(after.debt(0, key(0), kSecond), kSecond);
}

TEST_F(LimitsState, OfALimitThatThereIsNoMoreItIsDropped) {
  Process after(std::size_t{8} << 20, 5, {1, 10s, 5}, "b");
  import(taken_from(before, kSecond), after, 0, kSecond);
  for (std::uint64_t n = 0; n < 100; ++n) EXPECT_EQ(after.debt(0, key(n), kSecond), 0);
  EXPECT_EQ(after.debt(1, {}, kSecond), kSecond / 10);
}

}  // namespace
}  // namespace gatehouse::filters
