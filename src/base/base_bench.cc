// What values and memory cost.
#include <benchmark/benchmark.h>

#include <string>

#include "base/arena.h"
#include "base/block.h"
#include "base/hash.h"
#include "base/histogram.h"
#include "base/json_escape.h"

namespace gatehouse {
namespace {

void block_get_and_put(benchmark::State& state) {
  BlockPool pool;
  auto size = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(pool.get(size));
}
BENCHMARK(block_get_and_put)->Arg(BlockPool::kSmall)->Arg(BlockPool::kLarge)->Arg(1 << 20);

// An exchange's share: a few dozen small pieces, then all given back.
void arena_of_an_exchange(benchmark::State& state) {
  BlockPool pool;
  Arena arena(pool);
  for (auto _ : state) {
    for (int i = 0; i < 40; ++i) benchmark::DoNotOptimize(arena.allocate(48, 8));
    arena.reset();
  }
}
BENCHMARK(arena_of_an_exchange);

void hash_of_a_key(benchmark::State& state) {
  std::string key(static_cast<std::size_t>(state.range(0)), 'k');
  for (auto _ : state) benchmark::DoNotOptimize(hash64(key, 7));
}
BENCHMARK(hash_of_a_key)->Arg(8)->Arg(32)->Arg(200);

void histogram_record(benchmark::State& state) {
  Histogram h;
  Duration d = 100us;
  for (auto _ : state) {
    h.record(d);
    d = d > 1s ? 100us : d + 37us;
  }
}
BENCHMARK(histogram_record);

void fine_histogram_record(benchmark::State& state) {
  FineHistogram h;
  Duration d = 100us;
  for (auto _ : state) {
    h.record(d);
    d = d > 1s ? 100us : d + 37us;
  }
}
BENCHMARK(fine_histogram_record);

void json_escape_plain(benchmark::State& state) {
  std::string text(static_cast<std::size_t>(state.range(0)), 'x');
  std::string out(kJsonEscapeGrowth * text.size(), '\0');
  for (auto _ : state) benchmark::DoNotOptimize(json_escape(text, out.data()));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(json_escape_plain)->Arg(20)->Arg(200);

void json_escape_foreign(benchmark::State& state) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "日本\xff\n";
  std::string out(kJsonEscapeGrowth * text.size(), '\0');
  for (auto _ : state) benchmark::DoNotOptimize(json_escape(text, out.data()));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(json_escape_foreign);

}  // namespace
}  // namespace gatehouse
