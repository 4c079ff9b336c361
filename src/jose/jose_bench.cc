// What it costs to read and verify a token, beside what OpenSSL takes for the signature alone: the difference
// is ours. Run with --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "jose/token_testing.h"
#include "jose/verify.h"

namespace gatehouse::jose {
namespace {

// As an identity provider gives it (RFC 9068): 600 bytes with a signature of RS256 above.
constexpr std::string_view kPayload =
    R"({"iss":"https://login.example.com","sub":"5f2c9a71-2b7e-1516-28ae-d2a6abf71588","aud":["https://api.example.com"],)"
    R"("exp":4000000000,"iat":1700000000,"nbf":1700000000,"jti":"09cf4f3c-4bf9-2f35-77b3-4da6a3ce929d",)"
    R"("client_id":"web","scope":"openid profile orders:read orders:write","realm_access":{"roles":["user","buyer"]}})";

struct Prepared {
  explicit Prepared(Algorithm which)
      : algorithm(which),
        compact(testing::good_token(which, kPayload, R"("typ":"at+jwt","kid":"k1")")),
        key(*Key::from_jwk(testing::signers().of(which).jwk(R"("kid":"k1")"))) {}
  Algorithm algorithm;
  std::string compact;
  Key key;
};

Prepared prepared(const benchmark::State& state) { return Prepared(static_cast<Algorithm>(state.range(0))); }

void ReadCheckAndVerify(benchmark::State& state) {
  const Prepared with = prepared(state);
  const Expectation expected{.issuer = "https://login.example.com",
                             .audiences = {"https://api.example.com"},
                             .type = "at+jwt",
                             .leeway_s = 60};
  TokenReader reader;
  for (auto _ : state) {
    const auto token = reader.read(with.compact);
    if (!token || !check_claims(*token, expected, 1'700'000'100) || !can_verify(*token, with.key) ||
        !verify(*token, with.key))
      state.SkipWithError("refused");
  }
}

// The least that a program does that has its key and its digest at hand, and a new context for each message.
void BareOpenSsl(benchmark::State& state) {
  const Prepared with = prepared(state);
  const std::string_view compact = with.compact;
  const std::string_view message = compact.substr(0, compact.rfind('.'));
  const testing::How how = testing::how(with.algorithm);
  const std::string signature =
      testing::signers().of(with.algorithm).sign(message, {how.digest, how.salt, 0});  // DER for ECDSA
  EVP_PKEY* key = testing::signers().of(with.algorithm).key();
  for (auto _ : state) {
    const DigestContextPtr context(EVP_MD_CTX_new());
    if (EVP_DigestVerifyInit_ex(context.get(), nullptr, how.digest, nullptr, nullptr, key, nullptr) != 1 ||
        EVP_DigestVerify(context.get(), testing::octets(signature), signature.size(),
                         testing::octets(message), message.size()) != 1)
      state.SkipWithError("refused");
  }
}

void VerifyAlone(benchmark::State& state) {
  const Prepared with = prepared(state);
  TokenReader reader;
  const auto token = reader.read(with.compact);
  for (auto _ : state)
    if (!verify(*token, with.key)) state.SkipWithError("refused");
}

void ReadAndCheck(benchmark::State& state) {
  const Prepared with = prepared(state);
  const Expectation expected{.issuer = "https://login.example.com",
                             .audiences = {"https://api.example.com"},
                             .type = "at+jwt",
                             .leeway_s = 60};
  TokenReader reader;
  for (auto _ : state) {
    const auto token = reader.read(with.compact);
    if (!token || !check_claims(*token, expected, 1'700'000'100)) state.SkipWithError("refused");
  }
}

void each(benchmark::internal::Benchmark* bench) {
  for (auto algorithm : {Algorithm::rs256, Algorithm::es256, Algorithm::eddsa})
    bench->Arg(static_cast<int>(algorithm));
  bench->ArgName("algorithm");
}
BENCHMARK(BareOpenSsl)->Apply(each);
BENCHMARK(VerifyAlone)->Apply(each);
BENCHMARK(ReadCheckAndVerify)->Apply(each);
BENCHMARK(ReadAndCheck)->Apply(each);

}  // namespace
}  // namespace gatehouse::jose
