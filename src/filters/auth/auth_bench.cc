// What it costs to know whose a token is: one that is known, one that is seen for the first time, one that is
// bad. Budget of a hit: 0.5 us, 2000 instructions.
#include <benchmark/benchmark.h>

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "filters/auth/bearer_tokens.h"
#include "jose/token_testing.h"

namespace gatehouse::filters {
namespace {

using jose::Algorithm;
using jose::testing::signers;

constexpr WallTime kWall{std::chrono::seconds(1'800'000'000)};
constexpr Time kNow{Duration(1h)};

struct World final : KeyAccess {
  explicit World(Algorithm algorithm) : algorithm_(algorithm), bad({.count = 50, .per = 1s, .burst = 50}, 1) {
    Issuer issuer;
    issuer.name = "main";
    issuer.expected.issuer = "https://id.example.com";
    issuer.expected.audiences = {"api.example.com"};
    issuer.user_claim = "sub";
    issuer.ring = std::make_shared<SharedKeyRing>();
    issuer.number = std::make_shared<Numbered>(1U);
    issuer.shape = std::make_shared<Numbered>(2U);
    issuer.ring->publish({*jose::Key::from_jwk(signers().of(algorithm).jwk(R"("kid":"k1")"))});
    keys = std::make_unique<KeysOfWorker>(issuer.ring, nullptr);
    issuers.all.push_back(std::move(issuer));
    issuers.asked.names = {"scope"};
    issuers.asked.keys = {"user", "claim.scope"};
    issuers.number = std::make_shared<Numbered>(3U);
  }
  KeysOfWorker& keys_of(const Issuer&) override { return *keys; }

  std::string token(std::size_t i) const {
    const std::string payload = fmt::format(
        R"({{"iss":"https://id.example.com","sub":"user-{}","aud":"api.example.com","exp":1800003600,)"
        R"("iat":1800000000,"jti":"0123456789abcdef0123456789abcdef","client_id":"web",)"
        R"("scope":"orders:read orders:write profile","tenant":"acme"}})",
        i);
    return jose::testing::good_token(algorithm_, payload, R"("typ":"at+jwt","kid":"k1")");
  }
  std::unique_ptr<BearerTokens> empty() {
    return std::make_unique<BearerTokens>(std::size_t{32} << 20, std::array<std::uint8_t, 32>{}, counts);
  }
  gateway::Caller judge(std::string_view token) {
    const auto answer = tokens->judge({.token = token,
                                       .issuers = issuers,
                                       .keys = *this,
                                       .bad = bad,
                                       .address = address,
                                       .now = kNow,
                                       .wall = kWall,
                                       .arena = arena});
    return answer.caller;
  }

  Algorithm algorithm_;
  IpAddress address = IpAddress::v4(0xc0000201);
  IssuerSet issuers;
  SharedBadTokens bad;
  std::unique_ptr<KeysOfWorker> keys;
  AuthCounts counts;
  std::unique_ptr<BearerTokens> tokens = empty();
  BlockPool pool;
  Arena arena{pool};
};

// Of `tokens` in turn: more of them than caches of the processor hold.
void known(benchmark::State& state) {
  World world(Algorithm::es256);
  std::vector<std::string> tokens;
  for (std::int64_t i = 0; i < state.range(0); ++i)
    tokens.push_back(world.token(static_cast<std::size_t>(i)));
  for (const std::string& t : tokens)
    if (!world.judge(t).identity) state.SkipWithError("not accepted");
  std::size_t i = 0;
  for (auto _ : state) {
    world.arena.reset();
    benchmark::DoNotOptimize(world.judge(tokens[i]));
    if (++i == tokens.size()) i = 0;
  }
}
BENCHMARK(known)->Arg(1)->Arg(10000);

void first_sight(benchmark::State& state) {
  World world(static_cast<Algorithm>(state.range(0)));
  std::vector<std::string> tokens;
  for (std::size_t i = 0; i < 2000; ++i) tokens.push_back(world.token(i));
  std::size_t i = 0;
  for (auto _ : state) {
    if (i == tokens.size()) {
      state.PauseTiming();
      world.tokens = world.empty();
      i = 0;
      state.ResumeTiming();
    }
    world.arena.reset();
    benchmark::DoNotOptimize(world.judge(tokens[i++]));
  }
}
BENCHMARK(first_sight)
    ->Arg(static_cast<int>(Algorithm::rs256))
    ->Arg(static_cast<int>(Algorithm::es256))
    ->Arg(static_cast<int>(Algorithm::eddsa));

void known_as_bad(benchmark::State& state) {
  World world(Algorithm::es256);
  std::string token = world.token(0);
  token[token.rfind('.') + 1] = token[token.rfind('.') + 1] == 'A' ? 'B' : 'A';
  for (auto _ : state) {
    world.arena.reset();
    benchmark::DoNotOptimize(world.judge(token));
  }
}
BENCHMARK(known_as_bad);

}  // namespace
}  // namespace gatehouse::filters
