// Tokens whose key is not known: who waits, for what, and how it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "filters/auth/auth_testing.h"

namespace gatehouse::filters {
namespace {

using namespace filters::testing;
using jose::testing::signers;

class AuthWaiting : public ::testing::Test {
 protected:
  AuthWaiting() { gateway.publish_usual(); }
  std::string of_new_key() { return token_of(gateway.claims(), "k2", Algorithm::es384); }
  void publish_new_key() {
    gateway.publish({key_of(signers().p256, R"("kid":"k1")"), key_of(signers().p384, R"("kid":"k2")")});
  }
  void round_ends(bool good) {
    gateway.ring().round_ended(good, gateway.bench().loop().now() + 5s);
    gateway.turn();
  }
  Gateway gateway{
      "listen: {public: 8080}\nauth: {issuer: https://id.example.com}\nroutes:\n"
      "  - {path: /a/*, reply: {status: 200}}\n"};
  SharedKeyRing& ring = gateway.ring();
  AuthCounts& counts = gateway.counts();
};

TEST_F(AuthWaiting, UntilTheKeyIsThere) {
  Request r(gateway, "/a/x", bearer(of_new_key()));
  EXPECT_FALSE(r.done());
  EXPECT_TRUE(ring.take_demand());
  EXPECT_EQ(counts.waiting.value(), 1);
  ring.round_started();
  publish_new_key();
  gateway.turn();
  EXPECT_EQ(r.status(), 200) << "keys are enough, the round need not end";
  EXPECT_EQ(counts.waiting.value(), 0);
  EXPECT_EQ(counts.waited.value(), 1U);
}

TEST_F(AuthWaiting, ARoundThatFindsNoSuchKeyIsA401) {
  Request r(gateway, "/a/x", bearer(of_new_key()));
  ring.round_started();
  gateway.turn();
  EXPECT_FALSE(r.done());
  round_ends(true);
  EXPECT_EQ(r.status(), 401);
  EXPECT_EQ(r.record().reason, Errc::token_unknown_key);
}

TEST_F(AuthWaiting, ARoundThatFailsIsA503AtOnceAlsoForNewcomers) {
  Request r(gateway, "/a/x", bearer(of_new_key()));
  ring.round_started();
  round_ends(false);
  EXPECT_EQ(r.status(), 503);
  EXPECT_NE(r.answer("retry-after"), "");
  EXPECT_EQ(r.answer("www-authenticate"), "");
  Request next(gateway, "/a/x", bearer(of_new_key()));
  EXPECT_EQ(next.status(), 503) << "the next round may not start yet";
  EXPECT_EQ(next.record().reason, Errc::identity_undecided);
  EXPECT_EQ(counts.undecided.value(), 2U);
  Request known(gateway, "/a/x", bearer(gateway.token()));
  EXPECT_EQ(known.status(), 200);
  gateway.pass(5s);
  Request later(gateway, "/a/x", bearer(of_new_key()));
  EXPECT_FALSE(later.done());
}

// It may have read the keys before the new one was published.
TEST_F(AuthWaiting, ARoundThatWasUnderWayDecidesNothing) {
  ring.round_started();
  Request r(gateway, "/a/x", bearer(of_new_key()));
  round_ends(true);
  EXPECT_FALSE(r.done());
  ring.round_started();
  round_ends(true);
  EXPECT_EQ(r.status(), 401);
}

TEST_F(AuthWaiting, AFailedRoundThatWasUnderWayDecidesNothingEither) {
  ring.round_started();
  Request r(gateway, "/a/x", bearer(of_new_key()));
  round_ends(false);
  EXPECT_FALSE(r.done());
  ring.round_started();
  publish_new_key();
  round_ends(true);
  EXPECT_EQ(r.status(), 200);
}

TEST_F(AuthWaiting, OtherKeysThanTheOneWaitedFor) {
  Request r(gateway, "/a/x", bearer(of_new_key()));
  ring.round_started();
  gateway.publish({key_of(signers().rsa, R"("kid":"k9")")});
  gateway.turn();
  EXPECT_FALSE(r.done());
  publish_new_key();
  gateway.turn();
  EXPECT_EQ(r.status(), 200);
}

TEST_F(AuthWaiting, NotForLongerThanEightSeconds) {
  Request r(gateway, "/a/x", bearer(of_new_key()));
  gateway.pass(7900ms);
  EXPECT_FALSE(r.done());
  gateway.pass(200ms);
  EXPECT_EQ(r.status(), 503);
  EXPECT_EQ(counts.waiting.value(), 0);
}

TEST_F(AuthWaiting, WhoIsCancelledLeavesNothingBehind) {
  {
    Request r(gateway, "/a/x", bearer(of_new_key()));
    EXPECT_EQ(counts.waiting.value(), 1);
  }
  EXPECT_EQ(counts.waiting.value(), 0);
  ring.round_started();
  round_ends(true);
  {
    Request r(gateway, "/a/x", bearer(of_new_key()));
    ring.wake_all();  // and cancelled between its wake and its turn
  }
  gateway.turn();
  EXPECT_EQ(counts.waiting.value(), 0);
  std::vector<std::unique_ptr<Request>> all;  // every place of the address is free again
  for (int i = 0; i < 256; ++i)
    all.push_back(std::make_unique<Request>(gateway, "/a/x", bearer(of_new_key())));
  EXPECT_EQ(all.back()->status(), 0) << "it waits";
}

TEST_F(AuthWaiting, TheirNumberIsBounded) {
  std::vector<std::unique_ptr<Request>> all;
  const std::string token = of_new_key();
  const auto come = [&](int from, int n) {
    for (int i = 0; i < n; ++i)
      all.push_back(
          std::make_unique<Request>(gateway, "/a/x", bearer(token), fmt::format("192.0.2.{}", from)));
    return all.back()->status();
  };
  EXPECT_EQ(come(1, 256), 0);
  EXPECT_EQ(come(1, 1), 503) << "an address has a quarter of the places";
  EXPECT_EQ(come(2, 256), 0);
  EXPECT_EQ(come(3, 256), 0);
  EXPECT_EQ(come(4, 256), 0);
  EXPECT_EQ(come(5, 1), 503) << "all of them are taken";
  EXPECT_EQ(counts.waiting.value(), 1024);
  EXPECT_TRUE(ring.take_demand());
  ring.round_started();
  publish_new_key();
  gateway.turn();
  EXPECT_GT(counts.waiting.value(), 0) << "they are not all judged in one turn";
  for (int i = 0; i < 100; ++i) gateway.turn();
  EXPECT_EQ(counts.waiting.value(), 0);
  EXPECT_EQ(all.front()->status(), 200);
  EXPECT_EQ(come(1, 1), 200);
}

TEST_F(AuthWaiting, ClaimsAreCheckedFirst) {
  Claims c = gateway.claims();
  c.expires = gateway.now_s() - 1000;
  Request r(gateway, "/a/x", bearer(token_of(c, "k2", Algorithm::es384)));
  EXPECT_EQ(r.status(), 401);
  EXPECT_FALSE(ring.take_demand());
}

// In a set without kids a signature that fits no key may be of one that is new.
TEST_F(AuthWaiting, AKeySetWithoutKidsThatRotates) {
  gateway.publish({key_of(signers().p256_other)});
  Request r(gateway, "/a/x", bearer(token_of(gateway.claims(), "")));
  EXPECT_FALSE(r.done());
  ring.round_started();
  gateway.publish({key_of(signers().p256)});
  gateway.turn();
  EXPECT_EQ(r.status(), 200);
  Request forged(gateway, "/a/x",
                 bearer(token_of(gateway.claims(), "", Algorithm::es256, &signers().p256_other)));
  EXPECT_FALSE(forged.done());
  ring.round_started();
  round_ends(true);
  EXPECT_EQ(forged.status(), 401);
  EXPECT_EQ(forged.record().reason, Errc::token_signature);
}

TEST_F(AuthWaiting, BeforeTheFirstKeys) {
  Gateway fresh{
      "listen: {public: 8080}\nauth: {issuer: https://id.example.com}\nroutes:\n"
      "  - {path: /a/*, reply: {status: 200}}\n"};
  Request r(fresh, "/a/x", bearer(fresh.token()));
  EXPECT_FALSE(r.done());
  fresh.publish_usual();
  fresh.turn();
  EXPECT_EQ(r.status(), 200);
}

TEST_F(AuthWaiting, AReloadMeanwhileChangesNothing) {
  Request r(gateway, "/a/x", bearer(of_new_key()));
  gateway.load(
      "listen: {public: 8080}\nauth: {issuer: https://other.example.com}\nroutes:\n"
      "  - {path: /b/*, reply: {status: 200}}\n");
  gateway.load(
      "listen: {public: 8080}\nauth: {issuer: https://other.example.com}\nroutes:\n"
      "  - {path: /c/*, reply: {status: 200}}\n");
  ring.round_started();
  ring.publish({key_of(signers().p384, R"("kid":"k2")")});
  ring.wake_all();
  gateway.turn();
  EXPECT_EQ(r.status(), 200);
}

TEST_F(AuthWaiting, NobodyWaitsForASecret) {
  Gateway own{
      fmt::format("listen: {{public: 8080}}\nauth: {{issuer: me, secret: \"{}\"}}\nroutes:\n"
                  "  - {{path: /a/*, reply: {{status: 200}}}}\n",
                  jose::testing::kSecret)};
  own.publish({*jose::Key::from_secret(jose::testing::kSecret)});
  Claims c = own.claims();
  c.issuer = "me";
  const std::string header = jose::testing::header(Algorithm::hs256, R"("kid":"x")");
  Request good(own, "/a/x",
               bearer(jose::testing::mac_token(jose::testing::kSecret, Algorithm::hs256, header, c.text())));
  EXPECT_EQ(good.status(), 200) << good.body();
  Request bad(own, "/a/x",
              bearer(jose::testing::mac_token("another secret of thirty-two bytes", Algorithm::hs256, header,
                                              c.text())));
  EXPECT_EQ(bad.status(), 401);
  EXPECT_EQ(bad.record().reason, Errc::token_signature);
}

}  // namespace
}  // namespace gatehouse::filters
