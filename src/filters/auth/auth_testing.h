// For tests of `auth`: a gateway of one worker whose routes answer by themselves, the keys of issuers without
// anybody who fetches them, and requests that are served to their end or until they wait.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/loader.h"
#include "filters/auth/auth_filter.h"
#include "filters/auth/auth_policy.h"
#include "gateway/exchange_testing.h"
#include "jose/token_testing.h"

namespace gatehouse::filters::testing {

using gateway::testing::Fields;
using jose::Algorithm;

inline jose::Key key_of(const jose::testing::Signer& signer, std::string_view extra = {}) {
  auto key = jose::Key::from_jwk(signer.jwk(extra));
  jose::testing::must(key.has_value());
  return *key;
}

// What a token of these tests says; `now` in seconds.
struct Claims {
  std::string issuer = "https://id.example.com";
  std::string subject = "alice";
  std::int64_t expires = 0;
  std::string more{};  // `,"scope":"a b"`
  std::string text() const {
    const std::string sub = subject.empty() ? "" : fmt::format(R"(,"sub":"{}")", subject);
    return fmt::format(R"({{"iss":"{}"{},"exp":{}{}}})", issuer, sub, expires, more);
  }
};

inline std::string token_of(const Claims& claims, std::string_view kid = "k1",
                            Algorithm algorithm = Algorithm::es256,
                            const jose::testing::Signer* signer = nullptr) {
  const std::string extra = kid.empty() ? "" : fmt::format(R"("kid":"{}")", kid);
  return jose::testing::token(signer ? *signer : jose::testing::signers().of(algorithm),
                              jose::testing::how(algorithm), jose::testing::header(algorithm, extra),
                              claims.text());
}

class Gateway {
 public:
  explicit Gateway(std::string_view yaml) : bench_(parse(yaml), kinds()) {
    EXPECT_TRUE(bench_.snapshot()) << texts(bench_.diagnostics());
  }
  void load(std::string_view yaml) { EXPECT_TRUE(bench_.load(parse(yaml))) << texts(bench_.diagnostics()); }
  static std::string texts(const config::Diagnostics& all) {
    std::string text;
    for (const config::Diagnostic& d : all) text += d.text() + "\n";
    return text;
  }

  gateway::testing::Bench& bench() { return bench_; }
  const AuthPolicy& policy() { return *bench_.snapshot()->filters().find<AuthPolicy>(); }
  SharedKeyRing& ring(std::size_t issuer = 0) { return *policy().issuers.all[issuer].ring; }
  AuthCounts& counts() { return policy().counts->of(0); }
  void publish(const std::vector<jose::Key>& keys, std::size_t issuer = 0) {
    ring(issuer).publish(keys);
    ring(issuer).wake_all();
  }
  // The key `k1` of most tests.
  void publish_usual() { publish({key_of(jose::testing::signers().p256, R"("kid":"k1")")}); }
  std::int64_t now_s() {
    return std::chrono::floor<std::chrono::seconds>(bench_.loop().wall()).time_since_epoch().count();
  }
  Claims claims() { return {.expires = now_s() + 3600}; }
  std::string token() { return token_of(claims()); }
  void pass(Duration d) { bench_.world().run_for(d); }
  void turn() {  // twice: mail comes behind what is ready
    for (int i = 0; i < 2; ++i) bench_.loop().turn(bench_.loop().now());
  }

 private:
  static config::Spec parse(std::string_view yaml) {
    auto loaded = config::load_text(std::string(yaml), "g.yaml", {});
    EXPECT_TRUE(loaded.spec) << texts(loaded.diagnostics);
    return loaded.spec ? *loaded.spec : config::Spec{};
  }
  gateway::Snapshot::FilterKinds kinds() {
    kinds_.push_back(auth_filter());
    return kinds_;
  }
  std::vector<std::unique_ptr<gateway::FilterKind>> kinds_;
  gateway::testing::Bench bench_;
};

class Request : public gateway::testing::ServedRequest {
 public:
  Request(Gateway& gateway, std::string_view target, const Fields& headers = {},
          std::string_view peer = "192.0.2.1", std::string_view listener = "public")
      : ServedRequest(gateway.bench(), target, headers, peer, listener) {}
};

inline Fields bearer(std::string_view token) { return {{"Authorization", "Bearer " + std::string(token)}}; }

}  // namespace gatehouse::filters::testing
