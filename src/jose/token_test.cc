#include "jose/token.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <limits>
#include <string>
#include <vector>

#include "jose/token_testing.h"

namespace gatehouse::jose {
namespace {

using ::testing::ElementsAre;
using testing::input;
using ::testing::IsEmpty;

constexpr std::string_view kHeader = R"({"alg":"ES256","kid":"k","typ":"at+jwt"})";

std::string unsigned_token(std::string_view payload, std::string_view header = kHeader) {
  return input(header, payload) + ".c2ln";
}

TEST(TokenReader, TakesATokenApart) {
  TokenReader reader;
  const std::string compact = unsigned_token(R"({"iss":"i","sub":"s","exp":1})");
  const auto token = reader.read(compact);
  ASSERT_TRUE(token);
  EXPECT_EQ(token->algorithm(), Algorithm::es256);
  EXPECT_EQ(token->kid(), "k");
  EXPECT_EQ(token->typ(), "at+jwt");
  EXPECT_EQ(token->signature(), "sig");
  EXPECT_EQ(token->signing_input(), compact.substr(0, compact.rfind('.')));
  EXPECT_EQ(token->payload(), R"({"iss":"i","sub":"s","exp":1})");
  EXPECT_EQ(token->claims().issuer(), "i");
  EXPECT_EQ(token->claims().subject(), "s");
  EXPECT_EQ(token->claims().expires(), 1);
}

TEST(TokenReader, WhatIsNotThereIsNothing) {
  TokenReader reader;
  const std::string compact = unsigned_token("{}", R"({"alg":"ES256"})");
  const auto token = reader.read(compact);
  ASSERT_TRUE(token);
  EXPECT_EQ(token->kid(), std::nullopt);
  EXPECT_EQ(token->typ(), "");
  const Claims& claims = token->claims();
  EXPECT_EQ(claims.issuer(), std::nullopt);
  EXPECT_EQ(claims.subject(), std::nullopt);
  EXPECT_EQ(claims.expires(), std::nullopt);
  EXPECT_EQ(claims.not_before(), std::nullopt);
  EXPECT_EQ(claims.issued_at(), std::nullopt);
  EXPECT_FALSE(claims.bound());
  EXPECT_FALSE(claims.has_audience(""));
}

TEST(TokenReader, HasALimitBeforeAnythingIsDecoded) {
  const std::string compact = unsigned_token(R"({"a":"b"})");
  EXPECT_TRUE(TokenReader({.max_bytes = compact.size()}).read(compact));
  EXPECT_EQ(TokenReader({.max_bytes = compact.size() - 1}).read(compact).error(), Fault::too_large);
  EXPECT_EQ(TokenReader().read(std::string(16 * 1024 + 1, '.')).error(), Fault::too_large);
  EXPECT_EQ(TokenReader().read(std::string(16 * 1024, '.')).error(), Fault::malformed);
}

TEST(TokenReader, IsUsedAgainAndMoved) {
  TokenReader first;
  const std::string large = unsigned_token("{\"a\":\"" + std::string(8000, 'x') + "\"}");
  const std::string small = unsigned_token(R"({"iss":"second"})");
  EXPECT_TRUE(first.read(large));
  EXPECT_FALSE(first.read("x.y.z"));
  TokenReader second(std::move(first));
  const auto token = second.read(small);
  ASSERT_TRUE(token);
  EXPECT_EQ(token->claims().issuer(), "second");
}

TEST(TokenReader, ReadsAnyPayloadWhenAsked) {
  TokenReader reader;
  const std::string compact = unsigned_token("not JSON");
  EXPECT_EQ(reader.read(compact).error(), Fault::malformed);
  const auto token = reader.read_any_payload(compact);
  ASSERT_TRUE(token);
  EXPECT_EQ(token->payload(), "not JSON");
  EXPECT_FALSE(token->claims().has_audience("a"));
  int values = 0;
  token->claims().each("a", [&](std::string_view) { ++values; });
  EXPECT_EQ(values, 0);
  const std::string empty = unsigned_token("");
  EXPECT_TRUE(reader.read_any_payload(empty));
  EXPECT_FALSE(reader.read(empty));
}

// `exp`, `nbf` and `iat` of a payload that gives that number to all three.
std::vector<std::int64_t> times(std::string_view number) {
  TokenReader reader;
  const std::string compact = unsigned_token(fmt::format(R"({{"exp":{0},"nbf":{0},"iat":{0}}})", number));
  const auto token = reader.read(compact);
  if (!token) return {};
  return {*token->claims().expires(), *token->claims().not_before(), *token->claims().issued_at()};
}

TEST(Claims, TimesAreRoundedToTheSideThatMakesATokenValidForLess) {
  EXPECT_THAT(times("1300819380"), ElementsAre(1300819380, 1300819380, 1300819380));
  EXPECT_THAT(times("1300819380.0"), ElementsAre(1300819380, 1300819380, 1300819380));
  EXPECT_THAT(times("1300819380.25"), ElementsAre(1300819380, 1300819381, 1300819381));
  EXPECT_THAT(times("1.30081938e9"), ElementsAre(1300819380, 1300819380, 1300819380));
  EXPECT_THAT(times("-0.5"), ElementsAre(-1, 0, 0));
  EXPECT_THAT(times("0"), ElementsAre(0, 0, 0));
}

TEST(Claims, TimesSaturate) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  EXPECT_THAT(times("9007199254740993"), ElementsAre(9007199254740993, 9007199254740993, 9007199254740993));
  EXPECT_THAT(times("9223372036854775807"), ElementsAre(kMax, kMax, kMax));
  EXPECT_THAT(times("9223372036854775808"), ElementsAre(kMax, kMax, kMax));
  EXPECT_THAT(times("18446744073709551615"), ElementsAre(kMax, kMax, kMax));
  EXPECT_THAT(times("9223372036854775808.0"), ElementsAre(kMax, kMax, kMax));
  EXPECT_THAT(times("1e300"), ElementsAre(kMax, kMax, kMax));
  EXPECT_THAT(times("-1e300"), ElementsAre(kMin, kMin, kMin));
  EXPECT_THAT(times("-9223372036854775808"), ElementsAre(kMin, kMin, kMin));
}

TEST(Claims, TimesAreNumbers) {
  for (std::string_view wrong :
       {"\"1300819380\"", "true", "null", "[1]", "{}", "18446744073709551616", "1e400", "-"})
    EXPECT_THAT(times(wrong), IsEmpty()) << wrong;
}

TEST(Claims, RegisteredOnesHaveTheirTypes) {
  TokenReader reader;
  for (std::string_view wrong :
       {R"({"iss":1})", R"({"iss":null})", R"({"iss":["a"]})", R"({"sub":{}})", R"({"sub":7})",
        R"({"aud":7})", R"({"aud":{}})", R"({"aud":["a",1]})", R"({"aud":["a",["b"]]})", R"({"aud":null})"})
    EXPECT_EQ(reader.read(unsigned_token(wrong)).error(), Fault::malformed) << wrong;
}

TEST(Claims, AudienceIsOneOrAList) {
  TokenReader reader;
  const std::string one = unsigned_token(R"({"aud":"a\u0000b"})");
  auto token = reader.read(one);
  EXPECT_TRUE(token->claims().has_audience(std::string_view("a\0b", 3)));
  EXPECT_FALSE(token->claims().has_audience("a"));
  const std::string list = unsigned_token(R"({"aud":["x","y"]})");
  token = reader.read(list);
  EXPECT_TRUE(token->claims().has_audience("x"));
  EXPECT_TRUE(token->claims().has_audience("y"));
  EXPECT_FALSE(token->claims().has_audience("z"));
  EXPECT_FALSE(token->claims().has_audience(""));
  const std::string none = unsigned_token(R"({"aud":[]})");
  EXPECT_FALSE(reader.read(none)->claims().has_audience(""));
}

TEST(Claims, BoundWhateverIsInCnf) {
  TokenReader reader;
  for (std::string_view cnf : {"{}", "null", R"({"jkt":"x"})", "1", "\"\""}) {
    const std::string compact = unsigned_token(fmt::format(R"({{"cnf":{}}})", cnf));
    EXPECT_TRUE(reader.read(compact)->claims().bound()) << cnf;
  }
}

std::vector<std::string> values(std::string_view payload, std::string_view path) {
  TokenReader reader;
  const std::string compact = unsigned_token(payload);
  std::vector<std::string> out;
  const auto token = reader.read(compact);
  if (!token) return {"unread"};
  token->claims().each(path, [&](std::string_view text) { out.emplace_back(text); });
  return out;
}

TEST(Claims, EachGivesScalarsAsTheirText) {
  EXPECT_THAT(values(R"({"a":"x y"})", "a"), ElementsAre("x y"));
  EXPECT_THAT(values(R"({"a":""})", "a"), ElementsAre(""));
  EXPECT_THAT(values(R"({"a":"\u00e4\n\u0000"})", "a"), ElementsAre(std::string("ä\n\0", 4)));
  EXPECT_THAT(values(R"({"a":-7})", "a"), ElementsAre("-7"));
  EXPECT_THAT(values(R"({"a":18446744073709551615})", "a"), ElementsAre("18446744073709551615"));
  EXPECT_THAT(values(R"({"a":1.5})", "a"), ElementsAre("1.5"));
  EXPECT_THAT(values(R"({"a":true})", "a"), ElementsAre("true"));
  EXPECT_THAT(values(R"({"a":false})", "a"), ElementsAre("false"));
  EXPECT_THAT(values(R"({"a":null})", "a"), IsEmpty());
  EXPECT_THAT(values(R"({"a":{"b":1}})", "a"), IsEmpty());
  EXPECT_THAT(values(R"({"a":1})", "b"), IsEmpty());
  EXPECT_THAT(values(R"({"a":1})", ""), IsEmpty());
}

TEST(Claims, EachGivesTheElementsOfAList) {
  EXPECT_THAT(values(R"({"a":["x","y z",1,true,null,{},["no"]]})", "a"),
              ElementsAre("x", "y z", "1", "true"));
  EXPECT_THAT(values(R"({"a":[]})", "a"), IsEmpty());
}

TEST(Claims, EachFollowsDots) {
  constexpr std::string_view kKeycloak = R"({"realm_access":{"roles":["admin","user"]},"a":{"b":{"c":"d"}}})";
  EXPECT_THAT(values(kKeycloak, "realm_access.roles"), ElementsAre("admin", "user"));
  EXPECT_THAT(values(kKeycloak, "a.b.c"), ElementsAre("d"));
  EXPECT_THAT(values(kKeycloak, "a.b.x"), IsEmpty());
  EXPECT_THAT(values(kKeycloak, "a.b.c.d"), IsEmpty());
  EXPECT_THAT(values(kKeycloak, ".a"), IsEmpty());
  EXPECT_THAT(values(kKeycloak, "a."), IsEmpty());
  // The member of exactly that name comes first, also where it gives nothing; names may hold dots.
  EXPECT_THAT(values(R"({"a.b":"exact","a":{"b":"way"}})", "a.b"), ElementsAre("exact"));
  EXPECT_THAT(values(R"({"a.b":null,"a":{"b":"way"}})", "a.b"), IsEmpty());
  EXPECT_THAT(values(R"({"https://x.example/app":{"roles":"r"}})", "https://x.example/app.roles"),
              ElementsAre("r"));
}

TEST(Claims, ScopeIsSplitAtSpaces) {
  EXPECT_THAT(values(R"({"scope":"read write"})", "scope"), ElementsAre("read", "write"));
  EXPECT_THAT(values(R"({"scope":"  read   write "})", "scope"), ElementsAre("read", "write"));
  EXPECT_THAT(values(R"({"scope":""})", "scope"), IsEmpty());
  EXPECT_THAT(values(R"({"scope":"a\tb"})", "scope"), ElementsAre("a\tb"));
  EXPECT_THAT(values(R"({"scope":["a b"]})", "scope"), ElementsAre("a b"));
  EXPECT_THAT(values(R"({"x":{"scope":"a b"}})", "x.scope"), ElementsAre("a b"));
}

}  // namespace
}  // namespace gatehouse::jose
