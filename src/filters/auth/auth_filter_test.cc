#include "filters/auth/auth_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "filters/auth/auth_testing.h"

namespace gatehouse::filters {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace filters::testing;
using jose::testing::signers;

std::string with(std::string_view auth, std::string_view routes) {
  return fmt::format("listen: {{public: 8080, internal: 8081}}\nauth: {}\nroutes:\n{}", auth, routes);
}

constexpr std::string_view kIssuer = "{issuer: https://id.example.com, audience: api}";
constexpr std::string_view kAudience = R"(,"aud":"api")";
constexpr std::string_view kPlain = "  - {path: /a/*, reply: {status: 200, body: ok}}\n";

class Auth : public ::testing::Test {
 protected:
  void start(std::string_view auth = kIssuer, std::string_view routes = kPlain) {
    gateway = std::make_unique<Gateway>(with(auth, routes));
    if (!gateway->policy().issuers.all.empty()) gateway->publish_usual();
  }
  Claims claims(std::string more = {}) {
    Claims c = gateway->claims();
    c.more = std::string(kAudience) + more;
    return c;
  }
  std::string token(std::string more = {}) { return token_of(claims(std::move(more))); }
  // Status, reason and challenge of one request.
  std::string refusal(const Fields& headers, std::string_view target = "/a/x") {
    Request r(*gateway, target, headers);
    const std::string body = r.body();
    const std::size_t at = body.find("\"reason\":\"");
    const std::string reason = at == body.npos ? "" : body.substr(at + 10, body.find('"', at + 10) - at - 10);
    return fmt::format("{} {}", r.status(), reason);
  }
  std::unique_ptr<Gateway> gateway;
};

// ---- required ------------------------------------------------------------------------------------------

TEST_F(Auth, GoodTokenNamesTheUser) {
  start();
  Request r(*gateway, "/a/x", bearer(token()));
  EXPECT_EQ(r.status(), 200) << r.body();
  EXPECT_EQ(r.user(), "alice");
  EXPECT_EQ(r.sent("x-user"), "alice");
  EXPECT_THAT(r.sent("authorization"), HasSubstr("Bearer ey"));
  EXPECT_EQ(r.record().user, "alice");
}

TEST_F(Auth, NoCredentialsAreA401WithAChallenge) {
  start();
  Request r(*gateway, "/a/x");
  EXPECT_EQ(r.status(), 401);
  EXPECT_EQ(r.answer("www-authenticate"), R"(Bearer realm="gatehouse")");
  EXPECT_THAT(r.body(), HasSubstr(R"("reason":"unauthorized")"));
  EXPECT_EQ(r.record().reason, Errc::unauthorized);
}

TEST_F(Auth, IdentityHeadersFromOutsideAreRemoved) {
  start(kIssuer,
        "  - {path: /a/*, reply: {status: 200}}\n  - {path: /off, reply: {status: 200}, auth: off}\n");
  Fields headers = bearer(token());
  headers.emplace_back("X-User", "root");
  headers.emplace_back("X_User", "root");
  Request r(*gateway, "/a/x", headers);
  EXPECT_EQ(r.sent("x-user"), "alice");
  EXPECT_EQ(r.sent("x_user"), "");
  Request off(*gateway, "/off", headers);
  EXPECT_EQ(off.status(), 200);
  EXPECT_EQ(off.sent("x-user"), "");
  EXPECT_THAT(off.sent("authorization"), HasSubstr("Bearer"));
  EXPECT_EQ(off.user(), "nobody");
}

TEST_F(Auth, BadTokensSayWhatIsWrong) {
  start("{issuer: https://id.example.com, audience: api, typ: at+jwt}");
  const Algorithm es = Algorithm::es256;
  const auto made = [&](const Claims& c, std::string_view extra = R"("kid":"k1","typ":"at+jwt")") {
    return jose::testing::token(signers().p256, jose::testing::how(es), jose::testing::header(es, extra),
                                c.text());
  };
  const Claims good = claims();
  EXPECT_EQ(refusal(bearer(made(good))), "200 ");
  Claims c = good;
  c.expires = gateway->now_s() - 61;
  EXPECT_EQ(refusal(bearer(made(c))), "401 token_expired");
  c.expires = gateway->now_s() - 59;
  EXPECT_EQ(refusal(bearer(made(c))), "200 ") << "clocks may differ";
  c = good;
  c.issuer = "https://id.example.com/";
  EXPECT_EQ(refusal(bearer(made(c))), "401 token_issuer");
  c = good;
  c.more = R"(,"aud":"other")";
  EXPECT_EQ(refusal(bearer(made(c))), "401 token_audience");
  c = good;
  c.more += fmt::format(R"(,"nbf":{})", gateway->now_s() + 100);
  EXPECT_EQ(refusal(bearer(made(c))), "401 token_not_yet_valid");
  c = good;
  c.more += R"(,"cnf":{"jkt":"x"})";
  EXPECT_EQ(refusal(bearer(made(c))), "401 token_bound");
  c = good;
  c.subject = "";
  EXPECT_EQ(refusal(bearer(made(c))), "401 token_malformed");
  EXPECT_EQ(refusal(bearer(made(good, R"("kid":"k1","typ":"JWT")"))), "401 token_type");
  EXPECT_EQ(refusal(bearer(made(good, R"("kid":"k1","typ":"at+jwt","crit":["x"])"))), "401 token_malformed");
  EXPECT_EQ(refusal(bearer("x.y.z")), "401 token_malformed");
  EXPECT_EQ(refusal(bearer("")), "401 token_malformed");
  EXPECT_EQ(refusal(bearer(std::string(20000, 'x'))), "401 token_malformed");
  EXPECT_EQ(refusal({{"Authorization", "Basic YTpi"}}), "401 unauthorized");
  EXPECT_EQ(refusal({{"Authorization", "bearer  " + made(good)}}), "200 ") << "in any case";

  std::string forged = made(good);
  const std::size_t dot = forged.rfind('.');
  forged[dot + 1] = forged[dot + 1] == 'A' ? 'B' : 'A';
  Request r(*gateway, "/a/x", bearer(forged));
  EXPECT_EQ(r.status(), 401);
  EXPECT_EQ(r.answer("www-authenticate"), R"(Bearer realm="gatehouse", error="invalid_token", )"
                                          R"(error_description="the token's signature is not valid")");
  EXPECT_THAT(r.body(), Not(HasSubstr(forged.substr(0, 20))));
}

TEST_F(Auth, TwoAuthorizationHeadersAreContradictory) {
  start(kIssuer,
        "  - {path: /a/*, reply: {status: 200}}\n  - {path: /o, reply: {status: 200}, auth: optional}\n"
        "  - {path: /off, reply: {status: 200}, auth: off}\n");
  Fields twice = bearer(token());
  twice.push_back(twice.front());
  EXPECT_EQ(refusal(twice), "400 conflicting_credentials");
  EXPECT_EQ(refusal(twice, "/o"), "400 conflicting_credentials");
  EXPECT_EQ(refusal(twice, "/off"), "200 ");
}

TEST_F(Auth, AlgorithmsAreTheIssuers) {
  start("{issuer: https://id.example.com, audience: api, algs: RS256}");
  EXPECT_EQ(refusal(bearer(token())), "401 token_algorithm");
}

TEST_F(Auth, AnIssuersKeysAreItsOwn) {
  start("{issuer: {a: {issuer: https://a, audience: api}, b: {issuer: https://b, audience: api}}}");
  gateway->publish({key_of(signers().p256_other, R"("kid":"k1")")}, 1);
  Claims c = claims();
  c.issuer = "https://a";
  Request a(*gateway, "/a/x", bearer(token_of(c)));
  EXPECT_EQ(a.status(), 200);
  EXPECT_EQ(a.user(), "a:alice") << "with several a user is issuer:name";
  EXPECT_EQ(a.sent("x-user"), "a:alice");
  c.issuer = "https://b";
  EXPECT_EQ(refusal(bearer(token_of(c))), "401 token_signature") << "signed with a key of the other";
  Request b(*gateway, "/a/x", bearer(token_of(c, "k1", Algorithm::es256, &signers().p256_other)));
  EXPECT_EQ(b.user(), "b:alice");
}

TEST_F(Auth, KeysWithinATokenAreIgnored) {
  start();
  const std::string header =
      jose::testing::header(Algorithm::es256, R"("kid":"k1","jwk":)" + signers().p256_other.jwk());
  EXPECT_EQ(refusal(bearer(jose::testing::token(signers().p256_other, jose::testing::how(Algorithm::es256),
                                                header, claims().text()))),
            "401 token_signature");
}

TEST_F(Auth, AKeySetWithoutKids) {
  start();
  gateway->publish({key_of(signers().p256_other), key_of(signers().p256)});
  EXPECT_EQ(refusal(bearer(token_of(claims(), ""))), "200 ");
  EXPECT_EQ(refusal(bearer(token_of(claims(), "any"))), "200 ");
}

// ---- require, issuers
// --------------------------------------------------------------------------------------

TEST_F(Auth, RequireIs403WhereItDoesNotHold) {
  start(kIssuer,
        "  - {path: /a/*, reply: {status: 200}, auth: {require: {claim.scope: \"orders:read\"}}}\n"
        "  - {path: /u, reply: {status: 200}, auth: {require: [{user: bob}, {claim.org: [x, y]}]}}\n");
  Request r(*gateway, "/a/x", bearer(token()));
  EXPECT_EQ(r.status(), 403);
  EXPECT_EQ(r.answer("www-authenticate"),
            R"(Bearer realm="gatehouse", error="insufficient_scope", )"
            R"(error_description="these credentials do not allow this", scope="orders:read")");
  EXPECT_EQ(r.record().user, "alice") << "who was refused is known";
  EXPECT_EQ(refusal(bearer(token(R"(,"scope":"orders:write orders:read")"))), "200 ");
  EXPECT_EQ(refusal(bearer(token(R"(,"scope":"orders:reader")"))), "403 insufficient");
  EXPECT_EQ(refusal({}), "401 unauthorized");
  EXPECT_EQ(refusal(bearer(token()), "/u"), "403 insufficient");
  EXPECT_EQ(refusal(bearer(token(R"(,"org":["z","y"])")), "/u"), "200 ");
  Claims bob = claims();
  bob.subject = "bob";
  EXPECT_EQ(refusal(bearer(token_of(bob)), "/u"), "200 ");
}

TEST_F(Auth, ARouteMayAcceptSomeIssuersOnly) {
  start("{issuer: {a: {issuer: https://a, audience: api}, b: {issuer: https://b, audience: api}}}",
        "  - {path: /a/*, reply: {status: 200}, auth: b}\n");
  gateway->publish_usual();
  gateway->publish({key_of(signers().p256, R"("kid":"k1")")}, 1);
  Claims c = claims();
  c.issuer = "https://a";
  EXPECT_EQ(refusal(bearer(token_of(c))), "403 insufficient");
  c.issuer = "https://b";
  EXPECT_EQ(refusal(bearer(token_of(c))), "200 ");
}

// ---- optional, public, listener
// ------------------------------------------------------------------------------

TEST_F(Auth, OptionalNamesTheUserOrNobody) {
  start(kIssuer, "  - {path: /a/*, reply: {status: 200}, auth: optional}\n");
  Request good(*gateway, "/a/x", bearer(token()));
  EXPECT_EQ(good.user(), "alice");
  EXPECT_EQ(good.sent("x-user"), "alice");
  Request none(*gateway, "/a/x");
  EXPECT_EQ(none.status(), 200);
  EXPECT_EQ(none.user(), "nobody");
  for (const std::string& bad :
       {std::string("Bearer x.y.z"), std::string("Basic YTpi"), "Bearer " + token_of(claims(), "unknown")}) {
    Request r(*gateway, "/a/x", {{"Authorization", bad}});
    EXPECT_EQ(r.status(), 200) << bad;
    EXPECT_EQ(r.sent("authorization"), "") << bad;
    EXPECT_EQ(r.user(), "nobody");
    EXPECT_EQ(r.record().user, "");
  }
  EXPECT_TRUE(gateway->ring().take_demand()) << "nothing waits, but the key is asked for";
}

TEST_F(Auth, PublicPathsAreOptional) {
  start("{issuer: https://id.example.com, audience: api, public: [/a/open/*, \"~/a/v[0-9]+\"]}");
  EXPECT_EQ(refusal({}, "/a/open/x"), "200 ");
  EXPECT_EQ(refusal({}, "/a/v12"), "200 ");
  EXPECT_EQ(refusal({}, "/a/vx"), "401 unauthorized");
  EXPECT_EQ(refusal({}, "/a/opened"), "401 unauthorized");
  EXPECT_EQ(refusal({}, "/a/open/../x"), "401 unauthorized");
  EXPECT_EQ(refusal(bearer("x.y.z"), "/a/open"), "200 ");
}

TEST_F(Auth, AListenerMayAskForLess) {
  gateway = std::make_unique<Gateway>(
      fmt::format("listen: {{public: 8080, internal: {{port: 8081, auth: off}}}}\nauth: {}\nroutes:\n{}",
                  kIssuer, kPlain));
  gateway->publish_usual();
  EXPECT_EQ(refusal({}), "401 unauthorized");
  Request r(*gateway, "/a/x", {}, "192.0.2.1", "internal");
  EXPECT_EQ(r.status(), 200);
}

TEST_F(Auth, WithoutAuthNothingIsDone) {
  gateway = std::make_unique<Gateway>(fmt::format("listen: 8080\nroutes:\n{}", kPlain));
  EXPECT_TRUE(gateway->bench().snapshot()->routes()[0].chain.request.empty());
  EXPECT_TRUE(gateway->bench().snapshot()->listeners()[0].chain.identity.empty());
}

// ---- identity before the route
// -------------------------------------------------------------------------------

TEST_F(Auth, ARouteMayBeChosenByWhoAsks) {
  start(kIssuer,
        "  - {path: /a/*, reply: {status: 200}, name: plain}\n"
        "  - {path: /a/*, reply: {status: 200}, name: beta, when: {claim.tier: beta}}\n");
  Request beta(*gateway, "/a/x", bearer(token(R"(,"tier":"beta")")));
  EXPECT_EQ(beta.route(), "beta");
  EXPECT_EQ(beta.status(), 200);
  Request plain(*gateway, "/a/x", bearer(token(R"(,"tier":"gold")")));
  EXPECT_EQ(plain.route(), "plain");
  EXPECT_EQ(plain.status(), 200);
  EXPECT_EQ(plain.sent("x-user"), "alice");
  Request nobody(*gateway, "/a/x");
  EXPECT_EQ(nobody.route(), "plain");
  EXPECT_EQ(nobody.status(), 401);
  Request bad(*gateway, "/a/x", bearer("x.y.z"));
  EXPECT_EQ(bad.status(), 401);
  EXPECT_THAT(bad.answer("www-authenticate"), HasSubstr("invalid_token"));
  Request waits(*gateway, "/a/x", bearer(token_of(claims(R"(,"tier":"beta")"), "k2", Algorithm::es384)));
  EXPECT_FALSE(waits.done());
  gateway->publish({key_of(signers().p384, R"("kid":"k2")")});
  gateway->turn();
  ASSERT_TRUE(waits.done());
  EXPECT_EQ(waits.route(), "beta");
}

// ---- the headers sent
// ----------------------------------------------------------------------------------------

TEST_F(Auth, SendSaysWhatTheConfigurationAsks) {
  start(
      "{issuer: https://id.example.com, audience: api, user: claim.email, send: {x-user: user, x-roles: "
      "claim.realm.roles, x-how: method, authorization: remove}}");
  Request r(*gateway, "/a/x", bearer(token(R"(,"email":"zo\u00eb@x","realm":{"roles":["a","b,c",3]})")));
  EXPECT_EQ(r.status(), 200) << r.body();
  EXPECT_EQ(r.sent("x-user"), "zo%C3%AB@x");
  EXPECT_EQ(r.sent("x-roles"), "a, b%2Cc, 3");
  EXPECT_EQ(r.sent("x-how"), "jwt");
  EXPECT_EQ(r.sent("authorization"), "");
  EXPECT_EQ(refusal(bearer(token(R"(,"email":["a","b"])"))), "401 token_malformed");
}

TEST_F(Auth, TooManyHeaderFieldsAreRefusedRatherThanTheUserLost) {
  start();
  Fields many = bearer(token());
  for (int i = 0; i < 245; ++i) many.emplace_back("X-Filler", "1");
  EXPECT_EQ(refusal(many), "431 head_too_large");
}

}  // namespace
}  // namespace gatehouse::filters
