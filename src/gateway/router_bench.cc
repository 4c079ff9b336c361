// What a match costs: by number of routes, by way of telling them apart; and what a compile costs.
#include "gateway/router.h"

#include <benchmark/benchmark.h>

#include <random>

#include "gateway/router_testing.h"

namespace gatehouse::gateway {
namespace {

// `n` services, each with its /team/service/* and a host for every tenth.
config::Spec services(std::size_t n) {
  config::Spec spec;
  for (std::size_t i = 0; i < n; ++i) {
    std::string path = "/team" + std::to_string(i % 97) + "/service" + std::to_string(i) + "/*";
    std::string host = i % 10 == 0 ? "api" + std::to_string(i / 10 % 1000) + ".example.com" : "";
    spec.routes.push_back(testing::route({path, host}, i));
  }
  return spec;
}

config::Spec tenants(std::size_t n) {
  config::Spec spec;
  for (std::size_t i = 0; i < n; ++i) {
    std::string when = "header.x-tenant: t" + std::to_string(i);
    spec.routes.push_back(testing::route({"/orders/*", "", "", {{when}}}, i));
  }
  return spec;
}

config::Spec regexes(std::size_t n) {
  config::Spec spec;
  for (std::size_t i = 0; i < n; ++i) {
    std::string path = "~/v[0-9]+/service" + std::to_string(i) + "/.*";
    testing::RouteText text{path};
    text.priority = static_cast<std::int64_t>(i);
    spec.routes.push_back(testing::route(text, i));
  }
  return spec;
}

struct Compiled {
  config::Diagnostics diagnostics;
  std::unique_ptr<const Router> router;
  RouterScratch scratch;
  explicit Compiled(const config::Spec& spec)
      : router(Router::compile(spec, diagnostics)), scratch(*router) {}
};

void add_browser_headers(testing::Request& r) {
  r.header("Host", "api.example.com").header("User-Agent", "Mozilla/5.0").header("Accept", "*/*");
  r.header("Accept-Encoding", "gzip, br").header("Accept-Language", "en").header("Cookie", "s=1");
}

// One request again and again: what the walk itself costs.
void BM_SamePath(benchmark::State& state) {
  auto n = static_cast<std::size_t>(state.range(0));
  Compiled c(services(n));
  std::size_t i = n / 2 + 1;
  std::string url = "/team" + std::to_string(i % 97) + "/service" + std::to_string(i) + "/items/42";
  testing::Request r("GET", url, "api.example.com");
  add_browser_headers(r);
  if (c.router->match(r.query(), c.scratch).route != i) state.SkipWithError("wrong route");
  for (auto _ : state) benchmark::DoNotOptimize(c.router->match(r.query(), c.scratch));
}
BENCHMARK(BM_SamePath)->Arg(10)->Arg(1000)->Arg(10000)->Arg(100000);

// Each request for another of the routes: with it what their memory costs (64 requests, so that theirs does
// not count).
void BM_ManyPaths(benchmark::State& state) {
  auto n = static_cast<std::size_t>(state.range(0));
  Compiled c(services(n));
  std::mt19937_64 random(1);
  std::vector<std::unique_ptr<testing::Request>> requests;
  for (std::size_t k = 0; k < 64; ++k) {
    std::size_t i = random() % n;
    std::string url = "/team" + std::to_string(i % 97) + "/service" + std::to_string(i) + "/items/42";
    std::string host =
        i % 10 == 0 ? "api" + std::to_string(i / 10 % 1000) + ".example.com" : "www.example.com";
    requests.push_back(std::make_unique<testing::Request>("GET", url, host));
    if (c.router->match(requests.back()->query(), c.scratch).route != i) state.SkipWithError("wrong route");
  }
  std::size_t k = 0;
  for (auto _ : state) benchmark::DoNotOptimize(c.router->match(requests[k++ % 64]->query(), c.scratch));
}
BENCHMARK(BM_ManyPaths)->Arg(10)->Arg(1000)->Arg(10000)->Arg(100000);

void BM_NoRoute(benchmark::State& state) {
  Compiled c(services(static_cast<std::size_t>(state.range(0))));
  testing::Request r("GET", "/team1/unknown/items/42", "api0.example.com");
  for (auto _ : state) benchmark::DoNotOptimize(c.router->match(r.query(), c.scratch));
}
BENCHMARK(BM_NoRoute)->Arg(10)->Arg(10000);

void BM_ByHeader(benchmark::State& state) {
  auto n = static_cast<std::size_t>(state.range(0));
  Compiled c(tenants(n));
  testing::Request r("GET", "/orders/42", "api.example.com");
  add_browser_headers(r);
  r.header("X-Tenant", "t" + std::to_string(n / 2));
  if (c.router->match(r.query(), c.scratch).route != n / 2) state.SkipWithError("wrong route");
  for (auto _ : state) benchmark::DoNotOptimize(c.router->match(r.query(), c.scratch));
}
BENCHMARK(BM_ByHeader)->Arg(1)->Arg(10)->Arg(1000)->Arg(10000);

void BM_Regexes(benchmark::State& state) {
  auto n = static_cast<std::size_t>(state.range(0));
  Compiled c(regexes(n));
  testing::Request r("GET", "/v3/service" + std::to_string(n / 2) + "/items/42", "api.example.com");
  if (c.router->match(r.query(), c.scratch).route != n / 2) state.SkipWithError("wrong route");
  for (auto _ : state) benchmark::DoNotOptimize(c.router->match(r.query(), c.scratch));
}
BENCHMARK(BM_Regexes)->Arg(1)->Arg(10)->Arg(100)->Arg(1000);

void BM_Compile(benchmark::State& state) {
  auto n = static_cast<std::size_t>(state.range(0));
  config::Spec spec = state.range(1) == 0 ? services(n) : tenants(n);
  for (auto _ : state) {
    config::Diagnostics diagnostics;
    benchmark::DoNotOptimize(Router::compile(spec, diagnostics));
  }
}
BENCHMARK(BM_Compile)->Args({10000, 0})->Args({10000, 1})->Args({100000, 0})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gatehouse::gateway
