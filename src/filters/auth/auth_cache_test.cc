// Verified tokens are kept, bad ones remembered, and floods answered cheaply; and what ends all of that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "filters/auth/auth_testing.h"

namespace gatehouse::filters {
namespace {

using namespace filters::testing;
using jose::testing::signers;

std::string yaml(std::string_view more = {}) {
  return fmt::format(
      "listen: {{public: 8080}}\nauth: {{issuer: https://id.example.com{}}}\nroutes:\n"
      "  - {{path: /a/*, reply: {{status: 200}}}}\n",
      more);
}

class AuthCache : public ::testing::Test {
 protected:
  int status(std::string_view token, std::string_view peer = "192.0.2.1") {
    Request r(gateway, "/a/x", bearer(token), peer);
    return r.status();
  }
  std::string forged(const std::string& subject) {
    Claims c = gateway.claims();
    c.subject = subject;
    return token_of(c, "k1", Algorithm::es256, &signers().p256_other);
  }
  std::uint64_t verified() { return counts.verified_good.value() + counts.verified_bad.value(); }
  Gateway gateway{yaml()};
  AuthCounts& counts = gateway.counts();
};

TEST_F(AuthCache, ATokenIsVerifiedOnce) {
  gateway.publish_usual();
  const std::string token = gateway.token();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(status(token), 200);
  EXPECT_EQ(counts.verified_good.value(), 1U);
  EXPECT_EQ(counts.cache_hits.value(), 9U);
  EXPECT_EQ(counts.cache_misses.value(), 1U);
  EXPECT_EQ(counts.cache_entries.value(), 1);
  EXPECT_GT(counts.cache_bytes.value(), 0);
}

TEST_F(AuthCache, ItEndsWithTheToken) {
  gateway.publish_usual();
  Claims c = gateway.claims();
  c.expires = gateway.now_s() + 10;
  const std::string token = token_of(c);
  EXPECT_EQ(status(token), 200);
  gateway.pass(69s);
  EXPECT_EQ(status(token), 200) << "leeway";
  gateway.pass(1s);
  EXPECT_EQ(status(token), 401);
  EXPECT_EQ(counts.verified_good.value(), 1U);
}

TEST_F(AuthCache, ItEndsAfterFiveMinutesAtTheLatest) {
  gateway.publish_usual();
  const std::string token = gateway.token();
  EXPECT_EQ(status(token), 200);
  gateway.pass(299s);
  EXPECT_EQ(status(token), 200);
  EXPECT_EQ(verified(), 1U);
  gateway.pass(1s);
  EXPECT_EQ(status(token), 200);
  EXPECT_EQ(verified(), 2U);
}

TEST_F(AuthCache, WhenItsKeyLeavesItDiesAtOnceAndOthersLive) {
  const jose::Key one = key_of(signers().p256, R"("kid":"k1")");
  const jose::Key two = key_of(signers().p384, R"("kid":"k2")");
  gateway.publish({one});
  const std::string a = gateway.token();
  const std::string b = token_of(gateway.claims(), "k2", Algorithm::es384);
  EXPECT_EQ(status(a), 200);
  gateway.publish({one, two});
  EXPECT_EQ(status(a), 200);
  EXPECT_EQ(status(b), 200);
  EXPECT_EQ(verified(), 2U) << "a rotation that adds a key ends nothing";
  gateway.publish({two});
  EXPECT_EQ(status(b), 200);
  EXPECT_EQ(verified(), 2U);
  Request r(gateway, "/a/x", bearer(a));
  EXPECT_FALSE(r.done()) << "no such key: it has to be asked for";
}

TEST_F(AuthCache, AKeyOfTheSameNameIsAnother) {
  gateway.publish_usual();
  const std::string a = gateway.token();
  EXPECT_EQ(status(a), 200);
  gateway.publish({key_of(signers().p256_other, R"("kid":"k1")")});
  EXPECT_EQ(status(a), 401);
}

TEST_F(AuthCache, AnotherConfigurationOfTheIssuerJudgesAnew) {
  gateway.publish_usual();
  const std::string token = gateway.token();
  EXPECT_EQ(status(token), 200);
  gateway.load(yaml(", audience: api"));
  EXPECT_EQ(status(token), 401);
  gateway.load(yaml());
  EXPECT_EQ(status(token), 200);
}

TEST_F(AuthCache, OtherClaimsAreReadWithoutVerifyingAgain) {
  gateway.publish_usual();
  Claims c = gateway.claims();
  c.more = R"(,"org":"x")";
  const std::string token = token_of(c);
  EXPECT_EQ(status(token), 200);
  gateway.load(yaml(", send: {x-org: claim.org}"));
  for (int i = 0; i < 2; ++i) {
    Request r(gateway, "/a/x", bearer(token));
    EXPECT_EQ(r.status(), 200);
    EXPECT_EQ(r.sent("x-org"), "x");
  }
  EXPECT_EQ(verified(), 1U);
  EXPECT_EQ(counts.cache_hits.value(), 2U);
}

TEST_F(AuthCache, AForgedTokenIsVerifiedOnce) {
  gateway.publish_usual();
  const std::string token = forged("mallory");
  for (int i = 0; i < 200; ++i) EXPECT_EQ(status(token), 401);
  EXPECT_EQ(counts.verified_bad.value(), 1U);
  EXPECT_EQ(counts.refused_again.value(), 199U);
  gateway.pass(31s);
  EXPECT_EQ(status(token), 401);
  EXPECT_EQ(counts.verified_bad.value(), 2U);
}

TEST_F(AuthCache, ABadTokenIsJudgedAnewWithOtherKeys) {
  gateway.publish_usual();
  const std::string token = forged("bob");
  EXPECT_EQ(status(token), 401);
  gateway.publish({key_of(signers().p256_other, R"("kid":"k1")")});
  EXPECT_EQ(status(token), 200);
}

TEST_F(AuthCache, AFloodOfForgedTokensIsA429ForItsAddressOnly) {
  gateway.publish_usual();
  const std::string good = gateway.token();
  EXPECT_EQ(status(good), 200);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(status(forged(std::to_string(i))), 401);
  Request r(gateway, "/a/x", bearer(forged("one too many")));
  EXPECT_EQ(r.status(), 429);
  EXPECT_THAT(r.answer("retry-after"), ::testing::AnyOf("1", "2"));
  EXPECT_EQ(r.answer("www-authenticate"), "");
  EXPECT_EQ(counts.verified_bad.value(), 50U);
  EXPECT_EQ(counts.refused_rate.value(), 1U);
  EXPECT_EQ(status(good), 200) << "a token that is known stays good";
  EXPECT_EQ(status(forged("x"), "192.0.2.2"), 401) << "another address";
  Claims c = gateway.claims();
  c.subject = "carol";
  EXPECT_EQ(status(token_of(c)), 429) << "one that is not";
  gateway.pass(20ms);
  EXPECT_EQ(status(token_of(c)), 200);
}

TEST_F(AuthCache, FloodsDriveNoGoodTokenOut) {
  gateway.publish_usual();
  const std::string good = gateway.token();
  EXPECT_EQ(status(good), 200);
  Claims c = gateway.claims();
  for (int i = 0; i < 3000; ++i) {
    c.subject = std::to_string(i);
    c.issuer = "https://other";
    EXPECT_EQ(status(token_of(c, "k1", Algorithm::eddsa)), 401);
  }
  EXPECT_EQ(status(good), 200);
  EXPECT_EQ(counts.verified_good.value(), 1U);
  EXPECT_EQ(counts.cache_evicted.value(), 0U);
}

}  // namespace
}  // namespace gatehouse::filters
