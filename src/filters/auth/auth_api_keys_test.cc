// API keys: whose they are, and that they go no further.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "filters/auth/auth_testing.h"
#include "jose/base64url.h"

namespace gatehouse::filters {
namespace {

using ::testing::HasSubstr;
using namespace filters::testing;

std::string hex_of(std::string_view key) {
  Sha256 sha256;
  std::string hex;
  for (std::uint8_t b : sha256(key)) hex += fmt::format("{:02x}", b);
  return hex;
}

std::string yaml(std::string_view more, std::string_view route = "") {
  return fmt::format(
      "listen: {{public: 8080}}\n"
      "auth:\n"
      "  api_keys:\n"
      "    {}\n"
      "    keys:\n"
      "      shop: {{sha256: {}, claims: {{org: acme, scope: \"a b\", role: [x, y]}}}}\n"
      "      old: {{sha256: {}, expires: 2026-01-01T00:10:00Z}}\n"
      "      gone: {{sha256: {}, disabled: true}}\n"
      "routes:\n"
      "  - {{path: /a/*, reply: {{status: 200}}{}}}\n"
      "  - {{path: /off, reply: {{status: 200}}, auth: off}}\n",
      more, hex_of("shop/key+1"), hex_of("old-key"), hex_of("gone-key"), route);
}

std::string reason(Request& r) {
  const std::string body = r.body();
  const std::size_t at = body.find("\"reason\":\"");
  return at == body.npos ? "" : body.substr(at + 10, body.find('"', at + 10) - at - 10);
}

TEST(ApiKeys, InAHeader) {
  Gateway gateway(yaml("", ", auth: {require: {claim.scope: b, claim.role: y, user: shop}}"));
  Request good(gateway, "/a/x", {{"X-Api-Key", "shop/key+1"}, {"X_Api_Key", "other"}, {"Accept", "*/*"}});
  EXPECT_EQ(good.status(), 200) << good.body();
  EXPECT_EQ(good.user(), "shop");
  EXPECT_EQ(good.exchange().identity()->method, "api_key");
  EXPECT_EQ(good.sent("x-user"), "shop");
  EXPECT_EQ(good.sent("x-api-key"), "");
  EXPECT_EQ(good.sent("x_api_key"), "");
  EXPECT_EQ(good.sent("accept"), "*/*");
  Request unknown(gateway, "/a/x", {{"X-Api-Key", "nonsense"}});
  EXPECT_EQ(unknown.status(), 401);
  EXPECT_EQ(reason(unknown), "api_key_unknown");
  EXPECT_EQ(unknown.answer("www-authenticate"), R"(ApiKey realm="gatehouse")");
  Request none(gateway, "/a/x");
  EXPECT_EQ(none.status(), 401);
  EXPECT_EQ(none.answer("www-authenticate"), R"(ApiKey realm="gatehouse")");
  Request two(gateway, "/a/x", {{"X-Api-Key", "shop/key+1"}, {"x-api-key", "shop/key+1"}});
  EXPECT_EQ(two.status(), 400);
  Request disabled(gateway, "/a/x", {{"X-Api-Key", "gone-key"}});
  EXPECT_EQ(reason(disabled), "api_key_expired");
  Request basic(gateway, "/a/x", {{"X-Api-Key", "shop/key+1"}, {"Authorization", "Basic YTpi"}});
  EXPECT_EQ(basic.status(), 200) << "without issuers Authorization is the service's";
  EXPECT_EQ(basic.sent("authorization"), "Basic YTpi");
}

TEST(ApiKeys, Expire) {
  Gateway gateway(yaml(""));
  const auto status = [&] { return Request(gateway, "/a/x", {{"X-Api-Key", "old-key"}}).status(); };
  const std::int64_t left = 1767225600 + 600 - gateway.now_s();
  EXPECT_EQ(status(), 200);
  gateway.pass(std::chrono::seconds(left - 1));
  EXPECT_EQ(status(), 200);
  gateway.pass(1s);
  EXPECT_EQ(status(), 401);
}

TEST(ApiKeys, InTheQueryTheyAreCutOutOfEverything) {
  Gateway gateway(yaml("in: query.key"));
  const Fields referer = {{"Referer", "https://shop.example/p?key=shop/key+1&b=2"}};
  Request good(gateway, "/a/x?a=1&key=shop%2Fkey+1&b=%20", referer);
  EXPECT_EQ(good.status(), 200) << good.body();
  EXPECT_EQ(good.query(), "?a=1&b=%20");
  EXPECT_EQ(good.exchange().request().target, "/a/x?a=1&b=%20");
  EXPECT_EQ(good.sent("referer"), "https://shop.example/p?b=2");
  EXPECT_EQ(good.record().query, "?a=1&b=%20");
  Request bad(gateway, "/a/x?key=nonsense&b=2");
  EXPECT_EQ(reason(bad), "api_key_unknown");
  EXPECT_EQ(bad.record().query, "?b=2");
  Request two(gateway, "/a/x?key=shop%2Fkey+1&k%65y=other");
  EXPECT_EQ(two.status(), 400);
  Request lost(gateway, "/nowhere?key=shop/key+1");
  EXPECT_EQ(lost.status(), 404);
  EXPECT_EQ(lost.record().query, "") << "also where no route takes it";
  Request off(gateway, "/off?key=shop/key+1");
  EXPECT_EQ(off.query(), "?key=shop/key+1") << "`off` touches nothing";
  EXPECT_EQ(off.record().query, "") << "but a key is not written down";
}

TEST(ApiKeys, InACookie) {
  Gateway gateway(yaml("in: cookie.key"));
  Request good(gateway, "/a/x", {{"Cookie", "a=1; key=shop/key+1; b=2"}, {"Cookie", "key2=x"}});
  EXPECT_EQ(good.status(), 200);
  EXPECT_EQ(good.sent("cookie"), "a=1; b=2 | key2=x");
  Request alone(gateway, "/a/x", {{"Cookie", "key=shop/key+1"}});
  EXPECT_EQ(alone.status(), 200);
  EXPECT_EQ(alone.sent("cookie"), "");
}

TEST(ApiKeys, ArePassedOnWhereTheConfigurationSaysSo) {
  Gateway gateway(yaml("send: true", ", auth: optional"));
  Request good(gateway, "/a/x", {{"X-Api-Key", "shop/key+1"}, {"X_Api_Key", "other"}});
  EXPECT_EQ(good.sent("x-api-key"), "shop/key+1");
  EXPECT_EQ(good.sent("x_api_key"), "");
  Request bad(gateway, "/a/x", {{"X-Api-Key", "nonsense"}});
  EXPECT_EQ(bad.status(), 200);
  EXPECT_EQ(bad.sent("x-api-key"), "") << "a bad one never is";
  EXPECT_EQ(bad.user(), "nobody");
}

TEST(ApiKeys, AuthorizationDecidesAlone) {
  const std::string both =
      yaml("").replace(yaml("").find("auth:\n"), 6, "auth:\n  issuer: https://id.example.com\n");
  Gateway gateway(both);
  gateway.publish_usual();
  Request key(gateway, "/a/x", {{"X-Api-Key", "shop/key+1"}});
  EXPECT_EQ(key.user(), "api_keys:shop");
  Fields headers = bearer(gateway.token());
  headers.emplace_back("X-Api-Key", "nonsense");
  Request token(gateway, "/a/x", headers);
  EXPECT_EQ(token.user(), "main:alice");
  EXPECT_EQ(token.sent("x-api-key"), "") << "not looked at, but not passed on either";
  Request bad(gateway, "/a/x", {{"Authorization", "Bearer x"}, {"X-Api-Key", "shop/key+1"}});
  EXPECT_EQ(reason(bad), "token_malformed");
  EXPECT_THAT(bad.answer("www-authenticate"), HasSubstr("ApiKey realm"));
}

}  // namespace
}  // namespace gatehouse::filters
