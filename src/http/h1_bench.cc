// The cost of a head: reading it, normalising its path, writing it anew. Run with
// --benchmark_counters_tabular=true.
#include <benchmark/benchmark.h>

#include <array>
#include <iterator>
#include <string>
#include <string_view>

#include "http/chunked.h"
#include "http/h1_reader.h"
#include "http/h1_writer.h"
#include "http/path.h"

namespace gatehouse::http {
namespace {

// 10 fields, 500 bytes: what an API client sends.
constexpr std::string_view kApiRequest =
    "GET /catalog/v1/items/5f2c9a71?fields=name,price&limit=20 HTTP/1.1\r\n"
    "Host: api.example.com\r\n"
    "User-Agent: okhttp/4.12.0\r\n"
    "Accept: application/json\r\n"
    "Accept-Encoding: gzip\r\n"
    "Authorization: Bearer "
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI0MiIsImV4cCI6MTcwMDAwMDAwMH0.c2lnbmF0dXJlLXNpZ25hdHVyZQ\r\n"
    "X-Request-Id: 2b7e1516-28ae-d2a6-abf7-158809cf4f3c\r\n"
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
    "Cache-Control: no-cache\r\n"
    "X-Client-Version: 7.31.2\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Content-Length: 104\r\n"
    "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    "ETag: W/\"68-abcdefgh\"\r\n"
    "Cache-Control: private, max-age=0\r\n"
    "Connection: keep-alive\r\n"
    "Keep-Alive: timeout=5\r\n"
    "\r\n";

void ReadRequest(benchmark::State& state) {
  BlockPool pool;
  Arena arena(pool);
  H1RequestReader reader({});
  for (auto _ : state) {
    RequestHead head(arena);
    if (!reader.feed(kApiRequest, head)) state.SkipWithError("refused");
    benchmark::DoNotOptimize(head.host.data());
    reader.reset();
    arena.reset();
  }
  state.SetBytesProcessed(state.iterations() * std::ssize(kApiRequest));
}
BENCHMARK(ReadRequest);

void ReadRequestByteByByte(benchmark::State& state) {
  BlockPool pool;
  Arena arena(pool);
  H1RequestReader reader({});
  for (auto _ : state) {
    RequestHead head(arena);
    for (std::size_t n = 1; n <= kApiRequest.size(); ++n) {
      const auto r = reader.feed(kApiRequest.substr(0, n), head);
      benchmark::DoNotOptimize(r.has_value());
    }
    reader.reset();
    arena.reset();
  }
}
BENCHMARK(ReadRequestByteByByte);

void ReadResponse(benchmark::State& state) {
  BlockPool pool;
  Arena arena(pool);
  H1ResponseReader reader({});
  for (auto _ : state) {
    ResponseHead head(arena);
    if (!reader.feed(kResponse, Method::get, head)) state.SkipWithError("refused");
    benchmark::DoNotOptimize(head.status);
    reader.reset();
    arena.reset();
  }
  state.SetBytesProcessed(state.iterations() * std::ssize(kResponse));
}
BENCHMARK(ReadResponse);

void WriteRequest(benchmark::State& state) {
  BlockPool pool;
  Arena arena(pool);
  H1RequestReader reader({});
  RequestHead head(arena);
  if (!reader.feed(kApiRequest, head)) state.SkipWithError("refused");
  std::array<char, 2048> out;
  for (auto _ : state) {
    benchmark::DoNotOptimize(head_size_bound(head, head.target));
    benchmark::DoNotOptimize(write_request_head(head, head.target, {}, out));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(WriteRequest);

void WriteResponse(benchmark::State& state) {
  BlockPool pool;
  Arena arena(pool);
  H1ResponseReader reader({});
  ResponseHead head(arena);
  if (!reader.feed(kResponse, Method::get, head)) state.SkipWithError("refused");
  std::array<char, 2048> out;
  for (auto _ : state) {
    benchmark::DoNotOptimize(write_response_head(head, {.framing = reader.framing()}, {}, out));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(WriteResponse);

void HeaderIds(benchmark::State& state) {
  constexpr std::array<std::string_view, 8> kNames = {
      "Host",          "User-Agent",       "Accept",      "X-Client-Version",
      "Authorization", "Content-Encoding", "traceparent", "Connection"};
  for (auto _ : state)
    for (std::string_view name : kNames) benchmark::DoNotOptimize(header_id(name));
  state.SetItemsProcessed(state.iterations() * std::ssize(kNames));
}
BENCHMARK(HeaderIds);

void NormalisePath(benchmark::State& state, std::string_view path) {
  BlockPool pool;
  Arena arena(pool);
  for (auto _ : state) {
    const auto r = normalise_path(path, {}, arena);
    benchmark::DoNotOptimize(r.has_value());
    arena.reset();
  }
}
BENCHMARK_CAPTURE(NormalisePath, plain, "/catalog/v1/items/5f2c9a71");
BENCHMARK_CAPTURE(NormalisePath, escaped, "/catalog/../v1//items/%35f2c%c3%a9");

void DecodeChunks(benchmark::State& state) {
  BlockPool pool;
  Arena arena(pool);
  std::string wire;
  for (int i = 0; i < 16; ++i) wire += "400\r\n" + std::string(1024, 'x') + "\r\n";
  wire += "0\r\n\r\n";
  for (auto _ : state) {
    ChunkedDecoder decoder;
    std::string_view rest = wire;
    while (!decoder.done()) {
      const auto r = decoder.feed(rest, arena);
      rest.remove_prefix(r->consumed);
    }
  }
  state.SetBytesProcessed(state.iterations() * std::ssize(wire));
}
BENCHMARK(DecodeChunks);

}  // namespace
}  // namespace gatehouse::http
