#include "gateway/condition.h"

#include <gtest/gtest.h>

#include "gateway/router_testing.h"

namespace gatehouse::gateway {
namespace {

using testing::Request;

Truth holds(std::string_view text, const Request& request) {
  ConditionTable table;
  config::Diagnostics diagnostics;
  config::Condition c = testing::condition(text);
  const config::Condition* all[] = {&c};
  auto range = table.add(all, diagnostics);
  EXPECT_TRUE(diagnostics.empty());
  ConditionScratch scratch;
  return table.holds(range, request.query(), scratch);
}
bool yes(std::string_view text, const Request& request) { return holds(text, request) == Truth::yes; }

TEST(Condition, TestsTheWholeValue) {
  Request r("GET", "/a?v=1&v=2&flag&empty=");
  r.header("X-Beta", "true").header("x-n", "5").header("X-Long", "abcdef").header("X-Empty", "");
  EXPECT_TRUE(yes("header.x-beta: true", r));
  EXPECT_FALSE(yes("header.x-beta: tru", r));
  EXPECT_TRUE(yes("header.x-n: 5", r));
  EXPECT_TRUE(yes("header.x-long: abc*", r));
  EXPECT_FALSE(yes("header.x-long: bc*", r));
  EXPECT_TRUE(yes("header.x-long: ~a.*f", r));
  EXPECT_FALSE(yes("header.x-long: ~a.*e", r));
  EXPECT_TRUE(yes("header.x-n: 4|5|6", r));
  EXPECT_TRUE(yes("header.x-empty: *", r));
  EXPECT_FALSE(yes("header.x-none: *", r));
  EXPECT_TRUE(yes("query.flag: *", r));
  EXPECT_TRUE(yes("query.v: 2", r));
  EXPECT_FALSE(yes("query.w: 2", r));
}

TEST(Condition, NotNegatesTheWholeTest) {
  Request r;
  r.header("x", "a").header("x", "b");
  EXPECT_FALSE(yes("header.x: not a", r));
  EXPECT_FALSE(yes("header.x: not c|b", r));
  EXPECT_TRUE(yes("header.x: not c", r));
  EXPECT_FALSE(yes("header.x: not *", r));
  EXPECT_TRUE(yes("header.y: not *", r));
  EXPECT_TRUE(yes("header.y: not a", r));
}

TEST(Condition, RepeatedHeadersAndCookiesMatchIfAnyElementDoes) {
  Request r;
  r.header("X-A", "1").header("x-a", "2").header("Cookie", "k=1; j=2").header("Cookie", "k=3");
  EXPECT_TRUE(yes("header.x-a: 2", r));
  EXPECT_TRUE(yes("cookie.k: 3", r));
  EXPECT_TRUE(yes("cookie.j: 2", r));
  EXPECT_FALSE(yes("cookie.j: 1", r));
}

TEST(Condition, KnownHeadersAndFamiliesAreToldApart) {
  Request r;
  r.header("User-Agent", "curl/8").header("X-Forwarded-Prefix", "/p");
  EXPECT_TRUE(yes("header.user-agent: curl/*", r));
  EXPECT_TRUE(yes("header.x-forwarded-prefix: /p", r));
  EXPECT_FALSE(yes("header.x-forwarded-other: *", r));
}

TEST(Condition, VersionsCompareByNumber) {
  auto version = [](std::string_view value, std::string_view test) {
    Request r;
    r.header("v", value);
    return yes(std::string("header.v: ") + std::string(test), r);
  };
  EXPECT_TRUE(version("5.10", ">= 5.2"));
  EXPECT_TRUE(version("5.2", ">= 5.2.0"));
  EXPECT_FALSE(version("5.1.9", ">= 5.2"));
  EXPECT_TRUE(version("10", "> 9.99"));
  EXPECT_TRUE(version("05.2", "== 5.2"));
  EXPECT_TRUE(version("5.3-beta+1", "> 5.2"));
  EXPECT_TRUE(version("99999999999999999999999999", "> 5"));
  for (const char* wrong : {"", "x", "v5", "5.", ".5", "5..2", "5 ", "-1"})
    EXPECT_FALSE(version(wrong, ">= 0")) << wrong;
}

TEST(Condition, AddressesAreTestedByBlock) {
  Request r;
  r.from("10.1.2.3");
  EXPECT_TRUE(yes("ip: 10.0.0.0/8", r));
  EXPECT_TRUE(yes("ip: 10.1.2.0/23", r));
  EXPECT_TRUE(yes("ip: 10.1.2.3", r));
  EXPECT_FALSE(yes("ip: 10.1.2.4/31", r));
  EXPECT_TRUE(yes("ip: not 11.0.0.0/8|12.0.0.0/8", r));
}

TEST(Condition, PathsAndHostsFollowTheirRules) {
  Request r("GET", "/a;p/b/", "x.a.example");
  EXPECT_TRUE(yes("path: /a/b", r));
  EXPECT_TRUE(yes("path: /a/*", r));
  EXPECT_TRUE(yes("path: /:x/b/", r));
  EXPECT_FALSE(yes("path: /a", r));
  EXPECT_FALSE(yes("path: /a/b/c", r));
  EXPECT_TRUE(yes("path: ~/a/b/", r));
  EXPECT_TRUE(yes("host: *.example", r));
  EXPECT_FALSE(yes("host: a.example", r));
  EXPECT_TRUE(yes("host: not a.example|b.example", r));
  EXPECT_FALSE(yes("path: /a/:x/:y", r));
}

TEST(Condition, AStrayByteDoesNotSlipPastARegex) {
  Request r;
  r.header("x", "\xff admin");
  EXPECT_FALSE(yes("header.x: not ~.*admin.*", r));
}

TEST(Condition, LateAttributesAreUnknownUntilTheyAreEstablished) {
  EXPECT_EQ(holds("user: ann", Request()), Truth::unknown);
  EXPECT_EQ(holds("user: not *", Request()), Truth::unknown);
  EXPECT_EQ(holds("user: not *", Request().identified()), Truth::yes);
  Request ann;
  ann.attribute("user", "ann").attribute("claim.scope", "a").attribute("claim.scope", "b");
  EXPECT_EQ(holds("user: ann", ann), Truth::yes);
  EXPECT_EQ(holds("claim.scope: b", ann), Truth::yes);
  EXPECT_EQ(holds("claim.tier: *", ann), Truth::no);
}

TEST(Condition, ReadsAsWritten) {
  for (std::string text : {"header.x: not [a, b*, ~c]", "method: GET", "ip: 10.0.0.0/8", "host: *.example",
                           "query.v: >= 5.2", "claim.tier: gold", "path: /a/:b/*", "cookie.k: *"}) {
    std::string plain;
    for (char c : text)
      if (c != '[' && c != ']') plain += c;
    for (std::size_t at = 0; (at = plain.find(", ")) != plain.npos;) plain.replace(at, 2, "|");
    EXPECT_EQ(condition_text(testing::condition(plain)), text);
  }
}

}  // namespace
}  // namespace gatehouse::gateway
