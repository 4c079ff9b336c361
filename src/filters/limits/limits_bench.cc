// The path of a decision: one limit, several, among a million keys, under a flood of new keys; and the
// oracle's run: 400 000 decisions a second by four threads on one limit of 100 000 a second.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "base/random.h"
#include "filters/limits/limiter.h"
#include "filters/limits/limits_state.h"
#include "gateway/state_file_testing.h"

namespace gatehouse::filters {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::size_t kMemory = std::size_t{64} << 20;

LimitKey key(std::uint64_t n) {
  SipHash<1, 3> hash({1, 2});
  hash.add(n);
  return hash({});
}
std::int64_t real_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct Setting {
  SharedLimitTable table{kMemory};
  SharedLimit one{0, "one", {config::LimitBy::Kind::user, {}}, whole_of({1'000'000, 1s, 1'000'000}), 1};
  SharedLimit other{1, "other", {config::LimitBy::Kind::user, {}}, whole_of({1'000'000, 1s, 1'000'000}), 1};
  SharedLimit third{2, "third", {config::LimitBy::Kind::user, {}}, whole_of({1'000'000, 1s, 1'000'000}), 1};
  SharedLimit slow{3, "slow", {config::LimitBy::Kind::user, {}}, whole_of({1, 1h, 10}), 1};
};

// `range(0)` limits, of as many keys as `range(1)`; what another one costs is the difference.
void decide_among(benchmark::State& state) {
  Setting s;
  Random random(1);
  const auto limits = static_cast<std::size_t>(state.range(0));
  const auto keys = static_cast<std::uint32_t>(state.range(1));
  std::array<SharedLimit*, 3> all = {&s.one, &s.other, &s.third};
  std::int64_t now = kSecond;
  for (auto _ : state) {
    std::array<Charge, 3> charges;
    const std::uint64_t who = random.below(keys);
    for (std::size_t i = 0; i < limits; ++i) charges[i] = {.limit = all[i], .key = key(who * 4 + i)};
    benchmark::DoNotOptimize(test_and_charge(s.table, {charges.data(), limits}, now, 0));
    now += 2000;
  }
}
BENCHMARK(decide_among)->ArgsProduct({{1, 2, 3}, {1, 1'000'000}})->ArgNames({"limits", "keys"});

// A million live keys, and every request brings another one that nobody has seen.
void flood_of_new_keys(benchmark::State& state) {
  Setting s;
  std::uint64_t n = 0;
  const std::int64_t now = kSecond;
  for (; n < 1'000'000; ++n) (void)s.table.add(key(n), 3, LimitWord::make(now + 3600 * kSecond, 0), now);
  for (auto _ : state) {
    Charge charge{.limit = &s.slow, .key = key(++n)};
    benchmark::DoNotOptimize(test_and_charge(s.table, {&charge, 1}, now, 0));
  }
  state.counters["overflowed"] = static_cast<double>(s.slow.sum(&LimitCounts::overflowed));
}
BENCHMARK(flood_of_new_keys)->Iterations(3'000'000);

// How many live keys 64 MB hold before the first finds no place.
void bytes_a_key(benchmark::State& state) {
  for (auto _ : state) {
    SharedLimitTable table(kMemory);
    std::uint64_t n = 0;
    while (table.add(key(n), 0, LimitWord::make(kSecond, 0), 0) == SharedLimitTable::Added::added) ++n;
    state.counters["bytes_a_key"] = static_cast<double>(table.bytes()) / static_cast<double>(n);
    state.counters["keys"] = static_cast<double>(n);
  }
}
BENCHMARK(bytes_a_key)->Iterations(1)->Unit(benchmark::kMillisecond);

// A million keys that owe something, as a policy has them.
std::shared_ptr<LimitPolicy> policy_of(std::uint64_t keys, std::int64_t now) {
  auto policy = std::make_shared<LimitPolicy>();
  policy->table = std::make_shared<SharedLimitTable>(kMemory);
  auto use = std::make_unique<LimitUse>();
  use->portion = whole_of({1, 1h, 10});
  use->limit = std::make_shared<SharedLimit>(0, "a", config::LimitBy{config::LimitBy::Kind::user, {}},
                                             use->portion, 1);
  policy->all.push_back(std::move(use));
  for (std::uint64_t n = 0; n < keys; ++n)
    (void)policy->table->add(key(n), 0, LimitWord::make(now + 3600 * kSecond, 0), now);
  return policy;
}

// Taking what a million keys owe, with the sum of it, as control does every 5 s; the file is not in it.
void keep_a_million(benchmark::State& state) {
  const auto policy = policy_of(1'000'000, kSecond);
  std::size_t size = 0;
  for (auto _ : state) {
    LimitsExport taken(policy, WallTime{}, kSecond);
    size = 0;
    while (taken.turn(2048)) size += taken.take().size();
    size += taken.finish().size();
  }
  state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(keep_a_million)->Unit(benchmark::kMillisecond);

// What a start does with it; reading the file is not in it.
void restore_a_million(benchmark::State& state) {
  LimitsExport taken(policy_of(1'000'000, kSecond), WallTime{}, kSecond);
  while (taken.turn(2048)) {
  }
  const gateway::testing::MemoryFile text(taken.finish());
  for (auto _ : state) {
    state.PauseTiming();
    const auto policy = policy_of(0, 0);
    state.ResumeTiming();
    const auto kept = KeptLimits::read(text);
    import_limits(*kept, *policy, 0, 2 * kSecond);
  }
}
BENCHMARK(restore_a_million)->Unit(benchmark::kMillisecond);

// Real time, real threads: none is let through beyond rate and burst in any window, and hardly one too few.
void four_threads(benchmark::State& state) {
  constexpr int kThreads = 4;
  constexpr std::int64_t kEach = 10'000;  // nanoseconds between two of a thread: 400 000/s in all
  constexpr std::int64_t kTime = 5 * kSecond;
  for (auto _ : state) {
    SharedLimitTable table(1 << 20);
    SharedLimit fleet(0, "fleet", {}, whole_of({100'000, 1s, 1000}), kThreads);
    std::vector<std::vector<std::int64_t>> admitted(kThreads);
    const std::int64_t begin = real_now() + kSecond / 10;
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        auto& mine = admitted[static_cast<std::size_t>(t)];
        mine.reserve(1'000'000);
        for (std::int64_t at = begin + t * kEach / kThreads; at < begin + kTime; at += kEach) {
          std::int64_t now = real_now();
          while (now < at) now = real_now();
          Charge charge{.limit = &fleet};
          if (test_and_charge(table, {&charge, 1}, now, static_cast<std::size_t>(t)) == nullptr)
            mine.push_back(now);
        }
      });
    for (std::thread& t : threads) t.join();
    std::vector<std::int64_t> all;
    for (const auto& mine : admitted) all.insert(all.end(), mine.begin(), mine.end());
    std::ranges::sort(all);
    const Portion portion = fleet.terms().portion;
    std::int64_t least = INT64_MAX;
    std::int64_t excess = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto before = static_cast<std::int64_t>(i) * portion.interval;
      least = std::min(least, before - all[i]);
      excess = std::max(excess,
                        (before + portion.interval - all[i] - least - portion.level + portion.interval - 1) /
                            portion.interval);
    }
    const double could =
        static_cast<double>(all.back() - all.front()) / static_cast<double>(portion.interval) + 1000;
    state.counters["excess"] = static_cast<double>(excess);
    state.counters["too_few_percent"] = 100 * (1 - static_cast<double>(all.size()) / could);
    state.counters["admitted"] = static_cast<double>(all.size());
  }
}
BENCHMARK(four_threads)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gatehouse::filters
