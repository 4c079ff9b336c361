#include "filters/limits/limiter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace gatehouse::filters {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNow = 100 * kSecond;

LimitKey key(std::uint64_t n) {
  SipHash<1, 3> hash({1, 2});
  hash.add(n);
  return hash({});
}

struct Limits : ::testing::Test {
  SharedLimitTable table{1 << 20};
  SharedLimit fleet{0, "fleet", {}, whole_of({5, 1s, 5}), 1};
  SharedLimit user{1, "user", {config::LimitBy::Kind::user, {}}, whole_of({2, 1s, 2}), 1};
  SharedLimit tried{2, "tried", {config::LimitBy::Kind::user, {}}, whole_of({1, 1s, 1}), 1};

  std::vector<Charge> request(std::uint64_t who, std::uint64_t units = 1) {
    return {{.limit = &fleet, .key = {}, .units = units}, {.limit = &user, .key = key(who), .units = units}};
  }
  bool admitted(std::vector<Charge> charges, std::int64_t now = kNow) {
    return test_and_charge(table, charges, now, 0) == nullptr;
  }
  std::uint64_t left(SharedLimit& limit, std::uint64_t who = 0, std::int64_t now = kNow) {
    return remaining(limit.terms().portion, debt_of(table, limit, key(who), now));
  }
};

TEST_F(Limits, TogetherOrNotAtAll) {
  EXPECT_TRUE(admitted(request(1)));
  EXPECT_TRUE(admitted(request(1)));
  EXPECT_FALSE(admitted(request(1))) << "of the user";
  EXPECT_EQ(left(fleet), 3U) << "what the user's limit refused has not cost the fleet's";
  EXPECT_TRUE(admitted(request(2)));
  EXPECT_TRUE(admitted(request(3)));
  EXPECT_TRUE(admitted(request(4)));
  EXPECT_FALSE(admitted(request(5))) << "of the fleet";
  EXPECT_EQ(left(user, 5), 2U) << "and has not cost the user's";
  EXPECT_EQ(fleet.sum(&LimitCounts::refused), 1U);
  EXPECT_EQ(user.sum(&LimitCounts::refused), 1U);
  EXPECT_EQ(user.sum(&LimitCounts::admitted), 5U);
}

TEST_F(Limits, TheLongestWaitIsTold) {
  for (std::uint64_t who : {1U, 1U, 2U, 2U, 3U}) ASSERT_TRUE(admitted(request(who)));
  auto charges = request(1);
  Charge* refusing = test_and_charge(table, charges, kNow, 0);
  ASSERT_NE(refusing, nullptr);
  EXPECT_EQ(refusing->limit, &user);
  EXPECT_EQ(refusing->wait, kSecond / 2);
  EXPECT_EQ(charges[0].wait, kSecond / 5);
  EXPECT_FALSE(charges[0].charged || charges[1].charged);
}

TEST_F(Limits, WhatWasChargedIsTold) {
  auto charges = request(1);
  ASSERT_EQ(test_and_charge(table, charges, kNow, 0), nullptr);
  EXPECT_TRUE(charges[0].charged && charges[1].charged);
  EXPECT_EQ(charges[0].debt, kSecond / 5);
  EXPECT_EQ(charges[1].debt, kSecond / 2);
}

TEST_F(Limits, ADryRunRefusesNobody) {
  auto with_dry_run = [&](std::uint64_t who) {
    std::vector<Charge> charges = request(who);
    charges.push_back({.limit = &tried, .key = key(who + 100), .units = 1, .dry_run = true});
    return charges;
  };
  EXPECT_TRUE(admitted(with_dry_run(1)));
  auto second = with_dry_run(1);
  EXPECT_EQ(test_and_charge(table, second, kNow, 0), nullptr);
  EXPECT_TRUE(second[2].refused);
  EXPECT_FALSE(second[2].charged);
  EXPECT_EQ(left(user, 1), 0U) << "the others are charged all the same";
  EXPECT_FALSE(admitted(with_dry_run(1)));
  EXPECT_EQ(tried.sum(&LimitCounts::dry_run), 2U);
  EXPECT_EQ(tried.sum(&LimitCounts::admitted), 1U);
  std::vector<Charge> alone = {{.limit = &tried, .key = key(101), .units = 1, .dry_run = true}};
  EXPECT_TRUE(admitted(alone));
}

TEST_F(Limits, CostsAndWhatIsTakenBack) {
  std::vector<Charge> charges = {{.limit = &fleet, .key = {}, .units = 4}};
  ASSERT_EQ(test_and_charge(table, charges, kNow, 0), nullptr);
  EXPECT_EQ(left(fleet), 1U);
  EXPECT_EQ(take_back(table, charges[0], 3, kNow), 3 * kSecond / 5);
  EXPECT_EQ(left(fleet), 4U);
  std::vector<Charge> of_user = {{.limit = &user, .key = key(3), .units = 2}};
  ASSERT_EQ(test_and_charge(table, of_user, kNow, 0), nullptr);
  take_back(table, of_user[0], 2, kNow);
  EXPECT_EQ(left(user, 3), 2U);
  take_back(table, of_user[0], 2, kNow);
  EXPECT_EQ(left(user, 3), 2U) << "there is never more than the burst";
  std::vector<Charge> too_dear = {{.limit = &user, .key = key(4), .units = 3}};
  EXPECT_EQ(test_and_charge(table, too_dear, kNow, 0)->wait, kForever);
}

// What time has given back is not given twice: a refund is no credit.
TEST_F(Limits, WhatHasComeBackByItselfIsNotGivenBack) {
  std::vector<std::vector<Charge>> held;
  std::int64_t now = kNow;
  for (int i = 0; i < 5; ++i, now += 2 * kSecond) {  // each has drained before the next
    held.push_back({{.limit = &user, .key = key(1), .units = 2}});
    ASSERT_EQ(test_and_charge(table, held.back(), now, 0), nullptr);
  }
  std::uint64_t units = 0;
  for (auto& h : held) {
    take_back(table, h[0], 2, now);
    std::vector<Charge> more = {{.limit = &user, .key = key(1), .units = 2}};
    units += test_and_charge(table, more, now, 0) == nullptr ? 2 : 0;
  }
  EXPECT_EQ(units, 2U) << "the burst, not what was held";
}

TEST_F(Limits, AChargeAfterItThatSawNoDebtIsNotTakenAlong) {
  std::vector<Charge> held = {{.limit = &fleet, .key = {}}};
  ASSERT_EQ(test_and_charge(table, held, kNow, 0), nullptr);
  // Another worker, whose clock is ahead of ours, finds that it has come back already, and uses up all there
  // is.
  const std::int64_t ahead = kNow + kSecond / 5;
  ASSERT_TRUE(admitted({{.limit = &fleet, .key = {}, .units = 5}}, ahead));
  take_back(table, held[0], 1, kNow + kSecond / 5 - 1'000'000);
  EXPECT_FALSE(admitted({{.limit = &fleet, .key = {}}}, ahead));
}

TEST_F(Limits, ChangedTermsKeepTheCount) {
  for (std::uint64_t who : {1U, 1U, 2U}) ASSERT_TRUE(admitted(request(who)));
  EXPECT_TRUE(user.set_terms(whole_of({100, 1s, 10})));
  EXPECT_FALSE(user.set_terms(whole_of({100, 1s, 10})));
  EXPECT_EQ(left(user, 1), 8U) << "two of ten, not a second burst";
  EXPECT_EQ(left(user, 2), 9U);
  EXPECT_EQ(left(user, 3), 10U);
  EXPECT_TRUE(admitted({{.limit = &user, .key = key(1), .units = 8}}));
  EXPECT_FALSE(admitted({{.limit = &user, .key = key(1), .units = 1}}));
  user.set_terms(whole_of({2, 1s, 2}));
  EXPECT_EQ(left(user, 1), 0U);
  EXPECT_EQ(left(user, 2), 1U);
}

TEST_F(Limits, WithoutAPlaceKeysShareOne) {
  std::uint64_t n = 1000;
  while (table.add(key(n), 9, LimitWord::make(kNow + 50 * kSecond, 0), kNow) != SharedLimitTable::Added::full)
    ++n;
  // Until it is full in every corner: what is left of it would be a place of its own.
  for (std::uint64_t more = 0; more < 100'000; ++more)
    (void)table.add(key(++n), 9, LimitWord::make(kNow + 50 * kSecond, 0), kNow);
  std::vector<Charge> one = {{.limit = &user, .key = key(1)}};
  ASSERT_EQ(test_and_charge(table, one, kNow, 0), nullptr);
  EXPECT_TRUE(one[0].in_overflow);
  EXPECT_TRUE(admitted({{.limit = &user, .key = key(1)}}));
  EXPECT_FALSE(admitted({{.limit = &user, .key = key(1)}})) << "it is still limited";
  EXPECT_EQ(user.sum(&LimitCounts::overflowed), 2U);
  // One that falls together with it is counted with it, at one key's rate.
  std::uint64_t twin = 2;
  while (key(twin).high % SharedLimit::kOverflow != key(1).high % SharedLimit::kOverflow) ++twin;
  EXPECT_FALSE(admitted({{.limit = &user, .key = key(twin)}}));
  // When there is room again, what it owes goes with it.
  const std::int64_t later = kNow + 60 * kSecond;
  ASSERT_TRUE(admitted({{.limit = &user, .key = key(1), .units = 2}}, later));
  EXPECT_FALSE(admitted({{.limit = &user, .key = key(1)}}, later));
}

// ---- threads -------------------------------------------------------------------------------------------

// An oracle that sees all admissions, of all threads, with the time that each was decided at.
struct Admission {
  std::int64_t at;
  std::uint64_t units;
};

void expect_no_excess(std::vector<Admission> all, const Portion& portion) {
  std::ranges::sort(all, {}, &Admission::at);
  // Of a window from i to j: sum <= burst + length / interval. With a(i) = at / interval as a real number,
  // it is enough to look at the largest difference, in one pass.
  std::int64_t least = INT64_MAX;  // of: units before i, in intervals, less its time
  std::int64_t before = 0;
  for (const Admission& a : all) {
    least = std::min(least, before * portion.interval - a.at);
    before += static_cast<std::int64_t>(a.units);
    ASSERT_LE(before * portion.interval - a.at - least, portion.level);
  }
}

class Threads {
 public:
  // `each(thread, random, noted)`, so many times in each of the threads; returns what was noted.
  template <class Each>
  static std::vector<Admission> run(int threads, int times, Each each) {
    std::vector<std::vector<Admission>> noted(static_cast<std::size_t>(threads));
    std::vector<std::thread> running;
    for (int t = 0; t < threads; ++t)
      running.emplace_back([&, t] {
        std::mt19937_64 random(static_cast<unsigned>(t));
        for (int i = 0; i < times; ++i) each(t, random, noted[static_cast<std::size_t>(t)]);
      });
    for (std::thread& t : running) t.join();
    std::vector<Admission> all;
    for (const auto& n : noted) all.insert(all.end(), n.begin(), n.end());
    return all;
  }
};

TEST(LimiterThreads, OneLimitIsExact) {
  SharedLimitTable table(1 << 20);
  SharedLimit fleet(0, "fleet", {}, whole_of({100'000, 1s, 1000}), 4);
  std::atomic<std::int64_t> clock = kNow;
  const auto all = Threads::run(4, 50'000, [&](int t, std::mt19937_64& random, auto& noted) {
    // What a thread knows of the time may lie a little behind.
    const std::int64_t now = clock.fetch_add(625) - static_cast<std::int64_t>(random() % 5000);
    const std::uint64_t units = random() % 10 == 0 ? 3 : 1;
    std::vector<Charge> charges = {{.limit = &fleet, .key = {}, .units = units}};
    if (test_and_charge(table, charges, now, static_cast<std::size_t>(t)) == nullptr)
      noted.push_back({now, units});
  });
  expect_no_excess(all, fleet.terms().portion);
  // 125 ms at 100 000 a second, and the burst; no more was wrongly refused than there are gaps.
  std::uint64_t units = 0;
  for (const Admission& a : all) units += a.units;
  EXPECT_GE(units, 13'400U);
}

TEST(LimiterThreads, KeysAreExactAndNothingOfTheRefusedIsLeft) {
  SharedLimitTable table(1 << 20);
  SharedLimit fleet(0, "fleet", {}, whole_of({1000, 1s, 3000}), 4);
  SharedLimit user(1, "user", {config::LimitBy::Kind::user, {}}, whole_of({10, 1s, 40}), 4);
  std::array<std::vector<Admission>, 100> of_user;
  std::mutex mutex;
  std::atomic<std::int64_t> clock = kNow;
  const auto all = Threads::run(4, 30'000, [&](int t, std::mt19937_64& random, auto& noted) {
    const std::int64_t now = clock.fetch_add(250);
    const std::uint64_t who = random() % of_user.size();
    std::vector<Charge> charges = {{.limit = &fleet, .key = {}}, {.limit = &user, .key = key(who)}};
    if (test_and_charge(table, charges, now, static_cast<std::size_t>(t)) != nullptr) return;
    noted.push_back({now, 1});
    const std::scoped_lock lock(mutex);
    of_user[who].push_back({now, 1});
  });
  expect_no_excess(all, fleet.terms().portion);
  for (const auto& admissions : of_user) expect_no_excess(admissions, user.terms().portion);
  EXPECT_EQ(fleet.sum(&LimitCounts::admitted), all.size());
  // 120 000 were asked for; the fleet's 3000 and 30 ms decide. What is owed is what was admitted.
  const std::int64_t end = kNow + 31'000'000;
  EXPECT_LE(debt_of(table, fleet, {}, end),
            static_cast<std::int64_t>(all.size()) * fleet.terms().portion.interval);
  EXPECT_GE(all.size(), 2990U);
}

TEST(LimiterThreads, TermsThatChangeUnderLoadGiveNoBurstAway) {
  SharedLimitTable table(1 << 20);
  // Unlike each other, and not as many as would come round with the generations.
  std::array<Portion, 5> portions;
  for (std::size_t i = 0; i < portions.size(); ++i) portions[i] = whole_of({10 + 137 * i, 1s, 1000});
  SharedLimit user(1, "user", {config::LimitBy::Kind::user, {}}, portions[0], 4);
  std::atomic<bool> done = false;
  std::thread control([&] {
    const std::array<SharedLimit*, 1> changed = {&user};
    for (std::size_t i = 1; !done.load() && i < 5000; ++i) {
      user.set_terms(portions[i % portions.size()]);
      convert_all(table, changed, kNow);
    }
  });
  const auto all = Threads::run(3, 20'000, [&](int t, std::mt19937_64&, auto& noted) {
    std::vector<Charge> charges = {{.limit = &user, .key = key(1)}};  // time stands still
    if (test_and_charge(table, charges, kNow, static_cast<std::size_t>(t)) == nullptr)
      noted.push_back({kNow, 1});
  });
  done = true;
  control.join();
  EXPECT_LE(all.size(), 1000U);
  EXPECT_GE(all.size(), 100U);
}

// The second limit decides, and many want it at once: what the first was charged in vain is taken back.
TEST(LimiterThreads, ARaceRefusesHardlyAnybodyAndLeavesNothing) {
  SharedLimitTable table(1 << 20);
  SharedLimit fleet(0, "fleet", {}, whole_of({1'000'000, 1s, 1'000'000}), 4);
  SharedLimit user(1, "user", {config::LimitBy::Kind::user, {}}, whole_of({10'000, 1s, 100}), 4);
  std::atomic<std::int64_t> clock = kNow;
  const auto all = Threads::run(4, 100'000, [&](int t, std::mt19937_64& random, auto& noted) {
    const std::int64_t now = clock.fetch_add(1000);
    std::vector<Charge> charges = {{.limit = &fleet, .key = {}}, {.limit = &user, .key = key(random() % 3)}};
    if (test_and_charge(table, charges, now, static_cast<std::size_t>(t)) == nullptr)
      noted.push_back({now, 1});
  });
  const std::uint64_t raced = user.sum(&LimitCounts::raced) + fleet.sum(&LimitCounts::raced);
  // As counted it is too many: most of those were rightly refused, for the other had taken the last.
  EXPECT_LE(raced, 4'000U) << "of 400 000";
  EXPECT_GE(all.size(), 12'260U) << "0.4 s of three users are 12 300";
  // A million a second come back: whatever is still owed was charged within the last instants.
  EXPECT_LE(debt_of(table, fleet, {}, clock.load()), kSecond / 1000);
}

}  // namespace
}  // namespace gatehouse::filters
