#include "filters/limits/gcra.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/vectors_testing.h"
#include "http/json_vectors.h"

namespace gatehouse::filters {
namespace {

using http::vectors::Json;
using http::vectors::JsonReader;

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMillisecond;

// One key under one portion, as a caller keeps it.
struct Key {
  Portion portion;
  std::int64_t paid = 0;

  Decision ask(std::int64_t now, std::uint64_t units) {
    const Decision d = decide(portion, debt_of(paid, now), now, units);
    if (d.admitted) paid = d.paid;
    return d;
  }
  std::int64_t debt(std::int64_t now) const { return debt_of(paid, now); }
  std::uint64_t left(std::int64_t now) const { return remaining(portion, debt(now)); }
};

Json vectors(const char* name) {
  const std::string text = testing::read_vectors(name);
  return text.empty() ? Json{} : JsonReader(text).value();
}

// ---- other people's tables -----------------------------------------------------------------------------

TEST(Gcra, RedisCell) {
  const Json all = vectors("rate-limit/gcra-redis-cell.json");
  if (all["steps"].array.empty()) GTEST_SKIP() << "no ../shared/vectors/rate-limit";
  // Their max_burst is what may come besides the first.
  Key key{whole_of({1, 1s, static_cast<std::uint64_t>(all["max_burst"].number) + 1})};
  for (const Json& step : all["steps"].array) {
    SCOPED_TRACE(step["n"].number);
    const auto now = static_cast<std::int64_t>(step["now_ms"].number) * kMillisecond;
    const Decision d = key.ask(now, static_cast<std::uint64_t>(step["quantity"].number));
    EXPECT_EQ(!d.admitted, step["limited"].boolean);
    EXPECT_EQ(key.left(now), static_cast<std::uint64_t>(step["remaining"].number));
    EXPECT_EQ(key.debt(now), static_cast<std::int64_t>(step["reset_after_ms"].number) * kMillisecond);
    if (step["retry_after_ms"].type == Json::Type::number) {
      EXPECT_EQ(d.wait, static_cast<std::int64_t>(step["retry_after_ms"].number) * kMillisecond);
    } else {
      EXPECT_TRUE(d.admitted || d.wait == kForever);
    }
  }
}

// `clock.Millisecond * 1500`, `clock.Second`, `clock.Duration(0)`.
std::int64_t go_duration(const Json& sleep) {
  const std::string& text = sleep["$go"].string;
  std::int64_t unit = 0;
  if (text.starts_with("clock.Millisecond")) unit = kMillisecond;
  if (text.starts_with("clock.Second")) unit = kSecond;
  const std::size_t times = text.find('*');
  return times == std::string::npos ? unit : unit * std::stoll(text.substr(times + 1));
}

void play(const Json& test, Key key) {
  std::int64_t now = kSecond;
  for (const Json& step : test["steps"].array) {
    SCOPED_TRACE(test["test"].string + ": " + step["Name"].string);
    if (step["Behavior"]["$go"].string == "guber.Behavior_RESET_REMAINING") {
      key.paid = 0;
    } else {
      const std::uint64_t hits =
          step["Hits"].type == Json::Type::number ? static_cast<std::uint64_t>(step["Hits"].number) : 1;
      EXPECT_EQ(key.ask(now, hits).admitted, step["Status"]["$go"].string == "guber.Status_UNDER_LIMIT");
    }
    EXPECT_EQ(key.left(now), static_cast<std::uint64_t>(step["Remaining"].number));
    now += go_duration(step["Sleep"]);
  }
}

TEST(Gcra, Gubernator) {
  const Json all = vectors("rate-limit/gubernator-tables.json");
  if (all["tests"].array.empty()) GTEST_SKIP() << "no ../shared/vectors/rate-limit";
  const std::map<std::string, Portion> played = {{"TestOverTheLimit", whole_of({2, 9s, 2})},
                                                 {"TestLeakyBucket", whole_of({10, 30s, 10})},
                                                 {"TestLeakyBucketWithBurst", whole_of({10, 30s, 20})},
                                                 {"TestResetRemaining", whole_of({100, 9s, 100})}};
  const std::map<std::string, std::string> others = {
      {"TestTokenBucket", "a window that begins anew as a whole"},
      {"TestTokenBucketGregorian", "windows of the calendar"},
      {"TestLeakyBucketGregorian", "windows of the calendar"},
      {"TestTokenBucketNegativeHits", "negative hits"},
      {"TestLeakyBucketNegativeHits", "negative hits"},
      {"TestDrainOverLimit", "a refused request takes what is left"},
      {"TestMissingFields", "fields of its interface"},
      {"TestChangeLimit", "another limit gives the difference of the bursts at once"},
  };
  std::size_t seen = 0;
  for (const Json& test : all["tests"].array) {
    const auto portion = played.find(test["test"].string);
    if (portion == played.end()) {
      EXPECT_TRUE(others.contains(test["test"].string)) << test["test"].string;
      continue;
    }
    ++seen;
    play(test, {portion->second});
  }
  EXPECT_EQ(seen, played.size());
}

// ---- an oracle of our own -----------------------------------------------------------------------------

// A bucket that is filled by hand: every interval after the first unit was taken from it when full, one unit
// comes back. Knows nothing of arrival times.
class Bucket {
 public:
  explicit Bucket(const Portion& p) : portion_(p), left_(p.burst()) {}
  bool ask(std::int64_t now, std::uint64_t units) {
    while (left_ < portion_.burst() && now >= next_) {
      ++left_;
      next_ += portion_.interval;
    }
    if (units > left_) return false;
    if (left_ == portion_.burst() && units > 0) next_ = now + portion_.interval;
    left_ -= units;
    return true;
  }
  std::uint64_t left() const { return left_; }

 private:
  Portion portion_;
  std::uint64_t left_;
  std::int64_t next_ = 0;  // when one comes back
};

TEST(Gcra, AgreesWithABucketThatIsFilledByHand) {
  std::mt19937_64 random(8);
  for (int trace = 0; trace < 10'000; ++trace) {
    const config::Rate rate{.count = 1 + random() % 50,
                            .per = Duration(1 + static_cast<std::int64_t>(random() % 5'000'000'000)),
                            .burst = 1 + random() % 20};
    Key key{whole_of(rate)};
    Bucket bucket(key.portion);
    std::int64_t now = static_cast<std::int64_t>(random() % 1'000'000);
    for (int i = 0; i < 40; ++i) {
      now += static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(key.portion.interval * 3));
      const std::uint64_t units = random() % 4 == 0 ? random() % 6 : 1;
      const Decision d = key.ask(now, units);
      ASSERT_EQ(d.admitted, bucket.ask(now, units)) << trace << '/' << i;
      ASSERT_EQ(key.left(now), bucket.left()) << trace << '/' << i;
      if (d.admitted || d.wait == kForever) continue;
      // What `wait` says is true to the nanosecond.
      Key early = key;
      Key late = key;
      ASSERT_FALSE(early.ask(now + d.wait - 1, units).admitted);
      ASSERT_TRUE(late.ask(now + d.wait, units).admitted);
    }
  }
}

// Whatever is asked and when: in no window are there more than rate x its length + burst.
TEST(Gcra, NoWindowHasMoreThanItMay) {
  std::mt19937_64 random(9);
  for (int trace = 0; trace < 300; ++trace) {
    Key key{whole_of({1 + random() % 1000, 1s, 1 + random() % 30})};
    std::vector<std::pair<std::int64_t, std::uint64_t>> admitted;
    std::int64_t now = 0;
    for (int i = 0; i < 200; ++i) {
      now += static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(key.portion.interval * 2));
      const std::uint64_t units = 1 + random() % 3;
      if (key.ask(now, units).admitted) admitted.emplace_back(now, units);
    }
    for (std::size_t first = 0; first < admitted.size(); ++first) {
      std::uint64_t sum = 0;
      for (std::size_t last = first; last < admitted.size(); ++last) {
        sum += admitted[last].second;
        const std::int64_t length = admitted[last].first - admitted[first].first;
        ASSERT_LE(sum, key.portion.burst() + static_cast<std::uint64_t>(length / key.portion.interval));
      }
    }
  }
}

// ---- edges ---------------------------------------------------------------------------------------------

TEST(Gcra, IntervalsAreRoundedUp) {
  EXPECT_EQ(whole_of({3, 1s, 3}).interval, 333'333'334);
  EXPECT_EQ(whole_of({1'000'000, 1s, 1}).interval, 1000);
  EXPECT_EQ(whole_of({100'000, 1s, 100'000}).interval, 10'000);
  EXPECT_EQ(whole_of({1, 24h, 366}).level, Duration(24h).count() * 366);
  EXPECT_EQ(whole_of({7, 1s, 20}).burst(), 20U);
}

TEST(Gcra, NothingCostsNothing) {
  Key key{whole_of({1, 1s, 1})};
  EXPECT_TRUE(key.ask(5, 0).admitted);
  EXPECT_EQ(key.debt(5), 0);
  EXPECT_TRUE(key.ask(5, 1).admitted);
  EXPECT_FALSE(key.ask(5, 1).admitted);
  EXPECT_TRUE(key.ask(5, 0).admitted) << "even when there is nothing left";
}

TEST(Gcra, NumbersThatNobodyShouldWrite) {
  const Portion p = whole_of({1, 24h, 1'000'000'000});
  EXPECT_GT(p.level, 0);
  EXPECT_TRUE(decide(p, 0, std::int64_t{1} << 55, 1).admitted);
  EXPECT_EQ(decide(p, 0, 0, UINT64_MAX).wait, kForever);
}

TEST(Gcra, AnotherRateKeepsTheCount) {
  const Portion slow = whole_of({10, 1s, 10});
  const Portion fast = whole_of({100, 1s, 50});
  const std::int64_t eight = 8 * slow.interval;
  EXPECT_EQ(remaining(fast, convert(eight, slow, fast)), 42U);
  EXPECT_EQ(convert(convert(eight, slow, fast), fast, slow), eight);
  EXPECT_EQ(convert(eight, slow, slow), eight);
  EXPECT_EQ(convert(0, slow, fast), 0);
  // A level that is no whole number of units is rounded to the limit's favour.
  EXPECT_EQ(convert(1, slow, whole_of({1, 1s, 10})), 10);
  // What would take hours under a lower rate is at most what can be owed there.
  const Portion rare = whole_of({1, 1h, 3});
  EXPECT_EQ(convert(eight, slow, rare), rare.level);
  EXPECT_EQ(remaining(rare, convert(eight, slow, rare)), 0U);
  // The longest times do not overflow.
  const Portion longest = whole_of({1, 24h, 366});
  EXPECT_EQ(convert(longest.level, longest, whole_of({1'000'000, 1s, 1'000'000})), 366'000);
}

}  // namespace
}  // namespace gatehouse::filters
