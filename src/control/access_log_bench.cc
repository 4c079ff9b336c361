// What the log and the counters cost a worker, a request. For instructions a line:
//   valgrind --tool=callgrind --toggle-collect='*write_line*' control_bench --benchmark_filter=WriteLine
#include <benchmark/benchmark.h>

#include <array>
#include <memory>

#include "control/worker_sink.h"

namespace gatehouse::control {
namespace {

gateway::RequestRecord ordinary() {
  gateway::RequestRecord r;
  r.time = WallTime(1'777'638'896'000'123'456ns);
  r.method = "GET";
  r.host = "shop.example.com";
  r.path = "/api/v1/orders/10482/items";
  r.route = "/api/v1/orders/* to orders";
  r.service = "orders";
  r.endpoint = "10.0.0.7:8080";
  r.series = 0;
  r.status = 200;
  r.total = 1'234'567ns;
  r.own = 23'999ns;
  r.first_byte = 1'200'000ns;
  r.upstream = 1'190'000ns;
  r.bytes_out = 12'345;
  r.tries = 1;
  r.request_id = "0123456789abcdef0123456789abcdef";
  r.trace_id = "fedcba9876543210fedcba9876543210";
  r.client = IpAddress::v4(0xcb007109);
  return r;
}

void BM_WriteLine(benchmark::State& state) {
  const gateway::RequestRecord r = ordinary();
  const LineLayout layout;
  SecondText second;
  std::array<char, 8192> out;
  for (auto _ : state) benchmark::DoNotOptimize(write_line(r, layout, second, out.data()));
}
BENCHMARK(BM_WriteLine);

void BM_Count(benchmark::State& state) {
  auto cells = std::make_unique<MetricCells>();
  cells->reserve(1000);
  gateway::RequestRecord r = ordinary();
  for (auto _ : state) {
    r.series = (r.series + 1) % 1000;
    cells->count(r);
  }
}
BENCHMARK(BM_Count);

// All of it. Nothing is configured, so the log's thread takes nothing, and what was written is taken here.
void BM_Record(benchmark::State& state) {
  AccessLog log({});
  auto sink = std::make_unique<WorkerSink>(log, 0, 1);
  sink->cells().reserve(1);
  const gateway::RequestRecord r = ordinary();
  LogChannel& channel = log.channel(0);
  unsigned n = 0;
  for (auto _ : state) {
    sink->record(r);
    if (++n % 256 == 0)
      for (std::string_view p = channel.pending(); !p.empty(); p = channel.pending()) channel.take(p.size());
  }
  state.counters["lost"] = static_cast<double>(log.lost());
}
BENCHMARK(BM_Record);

}  // namespace
}  // namespace gatehouse::control
