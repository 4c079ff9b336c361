#include "filters/auth/identity_headers.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "filters/auth/challenge.h"

namespace gatehouse::filters {
namespace {

using From = config::SendItem::From;

TEST(HeaderValue, WhatCannotStandInAHeaderIsEncoded) {
  BlockPool pool;
  Arena arena(pool);
  EXPECT_EQ(header_value("alice", false, arena), "alice");
  EXPECT_EQ(header_value("", false, arena), "");
  EXPECT_EQ(header_value("Doe, John", false, arena), "Doe, John");
  EXPECT_EQ(header_value("Doe, John", true, arena), "Doe%2C John");
  EXPECT_EQ(header_value(" a b ", false, arena), "%20a b%20");
  EXPECT_EQ(header_value(" ", false, arena), "%20");
  EXPECT_EQ(header_value("a\r\nX-Role: admin", false, arena), "a%0D%0AX-Role: admin");
  EXPECT_EQ(header_value(std::string_view("a\0b\x7f\t", 5), false, arena), "a%00b%7F%09");
  EXPECT_EQ(header_value("100%", false, arena), "100%25");
  EXPECT_EQ(header_value("Zo\xc3\xab", false, arena), "Zo%C3%AB");
}

struct HeadersTest : ::testing::Test {
  BlockPool pool;
  Arena arena{pool};
  http::HeaderTable headers{arena};
  std::vector<gateway::Attribute> attributes = {
      {"user", "alice"}, {"claim.role", "a"}, {"claim.role", "b,c"}, {"claim.org", "x"}};
  gateway::Identity identity{.user = "alice", .issuer = "main", .method = "jwt", .attributes = attributes};
  std::string value(std::string_view name) {
    const http::Header* h = headers.find(name);
    return h ? std::string(h->value) : "absent";
  }
};

TEST_F(HeadersTest, TellTheServiceWhoAsks) {
  const IdentityHeaders send({{"x-user", From::user, {}},
                              {"x-roles", From::claim, "role"},
                              {"x-org", From::claim, "org"},
                              {"x-none", From::claim, "none"},
                              {"x-issuer", From::issuer, {}},
                              {"x-method", From::method, {}},
                              {"authorization", From::remove, {}}});
  EXPECT_TRUE(send.remove_authorization());
  ASSERT_TRUE(send.add(identity, headers, arena));
  EXPECT_EQ(value("x-user"), "alice");
  EXPECT_EQ(value("x-roles"), "a, b%2Cc");
  EXPECT_EQ(value("x-org"), "x");
  EXPECT_EQ(value("x-none"), "absent");
  EXPECT_EQ(value("x-issuer"), "main");
  EXPECT_EQ(value("x-method"), "jwt");
}

// Beyond the table's end a field would be lost in silence, and with it who asks.
TEST_F(HeadersTest, ThereHasToBeRoom) {
  const IdentityHeaders send({{"x-user", From::user, {}}});
  EXPECT_FALSE(send.remove_authorization());
  while (headers.size() < http::HeaderTable::kMaxFields - 10) headers.add("x-filler", "1");
  EXPECT_FALSE(send.add(identity, headers, arena));
  EXPECT_EQ(value("x-user"), "absent");
}

TEST_F(HeadersTest, Challenges) {
  const auto challenge = [&](Errc code, std::string_view detail, const Challenge& c) {
    headers.remove("www-authenticate");
    add_challenge({code, Origin::client, Retry::never, detail}, c, headers, arena);
    std::string all;
    for (const http::Header& h : headers) all += std::string(h.value) + "\n";
    return all;
  };
  EXPECT_EQ(challenge(Errc::unauthorized, "this needs credentials", {.bearer = true}),
            "Bearer realm=\"gatehouse\"\n");
  EXPECT_EQ(
      challenge(Errc::token_expired, "the token has expired", {.bearer = true, .api_key = true}),
      "Bearer realm=\"gatehouse\", error=\"invalid_token\", error_description=\"the token has expired\"\n"
      "ApiKey realm=\"gatehouse\"\n");
  EXPECT_EQ(challenge(Errc::api_key_unknown, "the API key is not known", {.api_key = true}),
            "ApiKey realm=\"gatehouse\"\n");
  EXPECT_EQ(challenge(Errc::insufficient, "no", {.bearer = true, .scope = "orders:read"}),
            "Bearer realm=\"gatehouse\", error=\"insufficient_scope\", error_description=\"no\", "
            "scope=\"orders:read\"\n");
  EXPECT_EQ(challenge(Errc::insufficient, "no", {.bearer = true}),
            "Bearer realm=\"gatehouse\", error=\"insufficient_scope\", error_description=\"no\"\n");
}

}  // namespace
}  // namespace gatehouse::filters
