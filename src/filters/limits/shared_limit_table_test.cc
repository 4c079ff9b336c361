#include "filters/limits/shared_limit_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace gatehouse::filters {
namespace {

using Added = SharedLimitTable::Added;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNow = 100 * kSecond;

LimitKey key(std::uint64_t n) {
  SipHash<1, 3> hash({1, 2});
  hash.add(n);
  return hash({});
}
std::uint64_t word(std::int64_t paid, unsigned generation = 0) { return LimitWord::make(paid, generation); }

TEST(SharedLimitTable, FindsWhatWasAdded) {
  SharedLimitTable table(1 << 20);
  EXPECT_FALSE(table.find(key(1)));
  EXPECT_EQ(table.add(key(1), 7, word(kNow + 5, 3), kNow), Added::added);
  EXPECT_EQ(table.add(key(1), 7, word(kNow + 6), kNow), Added::there);
  auto place = table.find(key(1));
  ASSERT_TRUE(place);
  EXPECT_EQ(LimitWord::paid(place->word()), kNow + 5);
  EXPECT_EQ(LimitWord::generation(place->word()), 3U);
  EXPECT_FALSE(table.find(key(2)));
}

TEST(SharedLimitTable, AChangeHoldsOnlyFromTheWordThatWasRead) {
  SharedLimitTable table(1 << 20);
  ASSERT_EQ(table.add(key(1), 0, word(kNow + 5), kNow), Added::added);
  auto one = table.find(key(1));
  auto other = table.find(key(1));
  EXPECT_TRUE(one->change(word(kNow + 6)));
  EXPECT_FALSE(other->change(word(kNow + 7)));
  EXPECT_EQ(LimitWord::paid(table.find(key(1))->word()), kNow + 6);
}

// As many as there is room for, and no key that owes anything makes room for another.
TEST(SharedLimitTable, FullOfLiveKeysItKeepsThem) {
  SharedLimitTable table(1 << 20);
  std::vector<std::uint64_t> in;
  std::uint64_t n = 0;
  std::size_t refused = 0;
  for (; refused < 20'000; ++n) {
    const Added added = table.add(key(n), 0, word(kNow + kSecond + static_cast<std::int64_t>(n)), kNow);
    if (added == Added::added) in.push_back(n);
    refused += added == Added::full ? 1 : 0;
  }
  EXPECT_EQ(in.size(), table.places()) << "in the end every place has a key";
  for (std::uint64_t k : in) {
    auto place = table.find(key(k));
    ASSERT_TRUE(place) << k;
    ASSERT_EQ(LimitWord::paid(place->word()), kNow + kSecond + static_cast<std::int64_t>(k));
  }
}

TEST(SharedLimitTable, AKeyTakesAtMost48Bytes) {
  for (std::size_t bytes : {std::size_t{1} << 20, std::size_t{7} << 20, std::size_t{16} << 20}) {
    SharedLimitTable table(bytes);
    std::uint64_t n = 0;
    while (table.add(key(n), 0, word(kNow + kSecond), kNow) == Added::added) ++n;
    EXPECT_LE(static_cast<double>(table.bytes()) / static_cast<double>(n), 48.0)
        << "before the first found no place, of " << bytes;
  }
}

TEST(SharedLimitTable, ANewLevelIsTouchedOnlyWhenItIsNeeded) {
  SharedLimitTable table(std::size_t{64} << 20);
  std::uint64_t n = 0;
  for (; n < 40'000; ++n) ASSERT_EQ(table.add(key(n), 0, word(kNow + kSecond), kNow), Added::added);
  EXPECT_EQ(table.levels(), 1U);
  for (; n < 250'000; ++n) ASSERT_EQ(table.add(key(n), 0, word(kNow + kSecond), kNow), Added::added);
  EXPECT_EQ(table.levels(), 2U);
  for (std::uint64_t k = 0; k < n; ++k) ASSERT_TRUE(table.find(key(k))) << k;
}

TEST(SharedLimitTable, OnlyWhatHasExpiredForASecondMakesRoom) {
  SharedLimitTable table(1 << 20);
  std::uint64_t n = 0;
  while (table.add(key(n), 0, word(kNow), kNow - kSecond) != Added::full) ++n;
  const std::int64_t just = kNow + SharedLimitTable::kSlack;
  EXPECT_EQ(table.add(key(n), 0, word(just + 5), just - 1), Added::full);
  EXPECT_EQ(table.add(key(n), 0, word(just + 5), just), Added::added);
  // One that nobody took the place of goes on where it is.
  for (std::uint64_t k = 0; k < 10; ++k) {
    auto place = table.find(key(k));
    if (!place) continue;
    EXPECT_TRUE(place->change(word(just + 9)));
  }
}

TEST(SharedLimitTable, AWordOfZeroIsNobodys) {
  SharedLimitTable table(1 << 20);
  ASSERT_EQ(table.add(key(1), 0, word(kNow + 5), kNow), Added::added);
  auto place = table.find(key(1));
  ASSERT_TRUE(place->change(0));
  EXPECT_FALSE(table.find(key(1)));
  EXPECT_EQ(table.add(key(1), 0, word(kNow + 6), kNow), Added::added);
  std::size_t found = 0;
  table.each(0, SIZE_MAX, [&](const SharedLimitTable::Entry& e) { found += e.key == key(1) ? 1 : 0; });
  EXPECT_EQ(found, 1U);
}

TEST(SharedLimitTable, EachSeesAllInPortions) {
  SharedLimitTable table(1 << 20);
  std::map<std::uint64_t, std::uint32_t> expected;
  for (std::uint32_t n = 0; n < 5000; ++n) {
    ASSERT_EQ(table.add(key(n), n % 7, word(kNow + 5), kNow), Added::added);
    expected[key(n).low] = n % 7;
  }
  std::map<std::uint64_t, std::uint32_t> seen;
  std::size_t turns = 0;
  std::size_t at = 0;
  do {
    at = table.each(at, 100, [&](const SharedLimitTable::Entry& e) { seen[e.key.low] = e.limit; });
    ++turns;
  } while (at != 0);
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(turns, (table.places() / SharedLimitTable::kWays + 99) / 100);
}

// ---- threads -------------------------------------------------------------------------------------------

// Many threads add and count the same few keys, while others make them expire and give their places away.
TEST(SharedLimitTableThreads, AKeyHasOnePlaceAndLosesNoCharge) {
  SharedLimitTable table(1 << 20);
  constexpr std::uint64_t kKeys = 5000;
  constexpr int kThreads = 4;
  constexpr int kRounds = 30'000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&table, t] {
      std::mt19937_64 random(static_cast<unsigned>(t));
      for (int i = 0; i < kRounds; ++i) {
        const LimitKey k = key(random() % kKeys);
        for (;;) {  // one unit of a nanosecond
          if (auto place = table.find(k)) {
            if (place->change(word(LimitWord::paid(place->word()) + 1))) break;
          } else if (table.add(k, 0, word(kNow + 1), kNow) == Added::added) {
            break;
          }
        }
      }
    });
  for (std::thread& t : threads) t.join();
  std::set<std::uint64_t> seen;
  std::int64_t charges = 0;
  table.each(0, SIZE_MAX, [&](const SharedLimitTable::Entry& e) {
    EXPECT_TRUE(seen.insert(e.key.low).second) << "a key with two places";
    charges += LimitWord::paid(e.place.word()) - kNow;
  });
  EXPECT_EQ(charges, kThreads * kRounds);
  EXPECT_LE(seen.size(), kKeys);
}

// Places change hands all the time: a charge never reaches another key.
TEST(SharedLimitTableThreads, AChargeNeverReachesAnotherKey) {
  SharedLimitTable table(1 << 20);
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  std::atomic<std::uint64_t> wrong = 0;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      std::mt19937_64 random(static_cast<unsigned>(t));
      std::int64_t now = kNow;
      for (int i = 0; i < 60'000; ++i) {
        now += 3 * SharedLimitTable::kSlack;  // all that is there has expired
        // Each key's words carry its number below the seconds.
        const std::uint64_t n = random() % 200'000;
        const LimitKey k = key(n);
        auto place = table.find(k);
        if (!place) {
          (void)table.add(k, 0, word(now + kSecond - now % kSecond + static_cast<std::int64_t>(n)), now);
          continue;
        }
        const auto told = static_cast<std::uint64_t>(LimitWord::paid(place->word()) % kSecond);
        if (told != n) wrong.fetch_add(1);
        (void)place->change(word(now + kSecond - now % kSecond + static_cast<std::int64_t>(n)));
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong.load(), 0U);
}

}  // namespace
}  // namespace gatehouse::filters
