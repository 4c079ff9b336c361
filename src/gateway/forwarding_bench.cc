// What is done to the headers of every request.
#include <benchmark/benchmark.h>

#include <array>

#include "gateway/forwarding.h"
#include "gateway/trace_context.h"

namespace gatehouse::gateway {
namespace {

// Ten fields, as a browser or a client library sends them.
void fill(http::HeaderTable& t) {
  using enum http::HeaderId;
  t.add(http::Header{"Host", "shop.example.com", host});
  t.add(http::Header{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64)", user_agent});
  t.add(http::Header{"Accept", "text/html,*/*;q=0.8", accept});
  t.add(http::Header{"Accept-Language", "en-US,en;q=0.5", other});
  t.add(http::Header{"Accept-Encoding", "gzip, deflate, br", accept_encoding});
  t.add(http::Header{"Connection", "keep-alive", connection});
  t.add(http::Header{"Cookie", "session=0123456789abcdef", cookie});
  t.add(http::Header{"Upgrade-Insecure-Requests", "1", other});
  t.add(http::Header{"Sec-Fetch-Dest", "document", other});
  t.add(http::Header{"Sec-Fetch-Mode", "navigate", other});
}

void BM_Fill(benchmark::State& state) {  // what the others measure beside their own
  BlockPool pool;
  for (auto _ : state) {
    Arena arena(pool);
    http::RequestHead head(arena);
    fill(head.headers);
    benchmark::DoNotOptimize(head.headers.size());
  }
}
BENCHMARK(BM_Fill);

void BM_AdmitHeaders(benchmark::State& state) {
  BlockPool pool;
  const IpAddress peer = IpAddress::v4(0xcb007109);
  for (auto _ : state) {
    Arena arena(pool);
    http::RequestHead head(arena);
    fill(head.headers);
    benchmark::DoNotOptimize(admit_headers(head, {}, peer, arena));
  }
}
BENCHMARK(BM_AdmitHeaders);

void BM_AdmitAndForward(benchmark::State& state) {
  BlockPool pool;
  Random random(1);
  const IpAddress peer = IpAddress::v4(0xcb007109);
  for (auto _ : state) {
    Arena arena(pool);
    http::RequestHead head(arena);
    fill(head.headers);
    benchmark::DoNotOptimize(admit_headers(head, {}, peer, arena));
    const auto id = request_id_for(head.headers, false, random, arena);
    const TraceContext trace = trace_context(head.headers, random, arena);
    add_forwarding(head,
                   {.peer = "203.0.113.9",
                    .scheme = "http",
                    .host = "shop.example.com",
                    .request_id = id,
                    .traceparent = trace.traceparent},
                   arena);
    benchmark::DoNotOptimize(head.headers.size());
  }
}
BENCHMARK(BM_AdmitAndForward);

}  // namespace
}  // namespace gatehouse::gateway
