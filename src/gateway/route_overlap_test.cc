#include "gateway/route_overlap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "gateway/router.h"
#include "gateway/router_testing.h"

namespace gatehouse::gateway {
namespace {

using testing::RouteText;

std::size_t errors(std::initializer_list<RouteText> routes, config::Diagnostics* out = nullptr) {
  config::Diagnostics diagnostics;
  auto router = Router::compile(testing::spec_of(routes), diagnostics);
  EXPECT_EQ(router == nullptr, !diagnostics.empty());
  if (out != nullptr) *out = diagnostics;
  return diagnostics.size();
}
bool overlap(RouteText a, RouteText b) { return errors({a, b}) != 0; }
bool overlap_when(std::string_view a, std::string_view b) {
  return overlap({"/a", "", "", {{a}}}, {"/a", "", "", {{b}}});
}

TEST(RouteOverlap, NamesBothRoutesAndProposesPriority) {
  config::Diagnostics d;
  ASSERT_EQ(errors({{"/a/:x"}, {"/a/:y"}}, &d), 1U);
  EXPECT_EQ(d[0].message,
            "routes `r0` (gatehouse.yaml:1:5) and `r1` (gatehouse.yaml:2:5) can match the same request with "
            "equal rank");
  EXPECT_THAT(d[0].instead, ::testing::HasSubstr("`priority: 1`"));
  EXPECT_EQ(d[0].at.line, 2U);
}

TEST(RouteOverlap, RankTellsApart) {
  EXPECT_TRUE(overlap({"/a"}, {"/a"}));
  EXPECT_FALSE(overlap({.path = "/a", .priority = 1}, {"/a"}));
  EXPECT_FALSE(overlap({"/a", "x.example"}, {"/a"}));
  EXPECT_FALSE(overlap({"/a", "*.x.example"}, {"/a", "*.example"}));
  EXPECT_TRUE(overlap({"/a", "*.example"}, {"/a", "*.example y.example"}));
  EXPECT_FALSE(overlap({"/a"}, {"/:x"}));
  EXPECT_FALSE(overlap({"/a"}, {"/a/"}));
  EXPECT_FALSE(overlap({"/a/*"}, {"/a"}));
  EXPECT_FALSE(overlap({"/a/:x/c"}, {"/a/:x/d"}));
  EXPECT_FALSE(overlap({"/a"}, {"~/a"}));
  EXPECT_TRUE(overlap({"~/a"}, {"~/b"}));
  EXPECT_FALSE(overlap({"~/a", "", "GET"}, {"~/b", "", "PUT"}));
  EXPECT_FALSE(overlap({"/a", "", "GET"}, {"/a"}));
  EXPECT_TRUE(overlap({""}, {"/*"}));
}

TEST(RouteOverlap, OnlyWhatTheRuleListsIsDisjoint) {
  EXPECT_FALSE(overlap_when("header.x: a|b", "header.x: c"));
  EXPECT_TRUE(overlap_when("header.x: a|b", "header.x: b"));
  EXPECT_TRUE(overlap_when("header.x: a", "header.y: b"));
  EXPECT_TRUE(overlap_when("header.x: a*", "header.x: b*"));
  EXPECT_TRUE(overlap_when("header.x: a", "header.x: ~b"));
  EXPECT_FALSE(overlap_when("header.x: a", "header.x: not a"));
  EXPECT_FALSE(overlap_when("header.x: ~a.*", "header.x: not ~a.*"));
  EXPECT_FALSE(overlap_when("header.x: a", "header.x: not *"));
  EXPECT_TRUE(overlap_when("header.x: a|b", "header.x: not a"));
  EXPECT_TRUE(overlap_when("header.x: not a", "header.x: not b"));
  EXPECT_FALSE(overlap_when("ip: 10.0.0.0/8", "ip: 11.0.0.0/8"));
  EXPECT_TRUE(overlap_when("ip: 10.0.0.0/8", "ip: 10.1.0.0/16"));
  EXPECT_FALSE(overlap_when("ip: 10.1.0.0/16", "ip: not 10.0.0.0/8"));
  EXPECT_FALSE(overlap_when("listener: a", "listener: b"));
  EXPECT_FALSE(overlap_when("claim.t: a", "claim.t: b"));
  EXPECT_FALSE(overlap_when("host: a.example", "host: b.example"));
  EXPECT_TRUE(overlap_when("host: a.example", "host: *.b.example"));
  EXPECT_FALSE(overlap_when("path: /a/b/*", "path: /a/c/*"));
  EXPECT_TRUE(overlap_when("path: /a/:x", "path: /a/c"));
  EXPECT_FALSE(overlap_when("method: GET", "method: HEAD"));
  EXPECT_TRUE(overlap_when("method: G*", "method: POST"));
  EXPECT_FALSE(overlap({"/a", "", "GET PUT"}, {"/a", "", "POST HEAD"}));
}

TEST(RouteOverlap, EachMapCounts) {
  EXPECT_TRUE(overlap({"/a", "", "", {{"header.x: 1"}, {"header.x: 2"}}}, {"/a", "", "", {{"header.x: 2"}}}));
  EXPECT_FALSE(overlap({"/a", "", "", {{"header.x: 1"}, {"header.x: 2", "header.y: 1"}}},
                       {"/a", "", "", {{"header.x: 2"}}}));
  EXPECT_EQ(errors({{"/a /a", "", "", {{"header.x: 1"}, {"header.x: 1"}}}}),
            0U);  // a route does not fight itself
}

TEST(RouteOverlap, EveryRouteIsReportedOnce) {
  EXPECT_EQ(errors({{"/a"}, {"/a"}, {"/a"}, {"/a"}, {"/b"}, {"/b"}}), 4U);
}

TEST(RouteOverlap, HashAndPairsAgree) {
  // Forty routes by header, of which one shares a text, and a few by other means.
  config::Spec spec;
  for (std::size_t i = 0; i < 40; ++i) {
    std::string when = "header.t: " + std::to_string(i);
    spec.routes.push_back(testing::route({"/a", "", "", {{when, "header.m: x"}}}, i));
  }
  auto count = [&](RouteText extra) {
    config::Spec more = spec;
    more.routes.push_back(testing::route(extra, 40));
    config::Diagnostics d;
    Router::compile(more, d);
    return d.size();
  };
  EXPECT_EQ(count({"/a", "", "", {{"header.t: 7|99", "header.m: x"}}}), 1U);
  EXPECT_EQ(count({"/a", "", "", {{"header.t: 7|99", "header.m: y"}}}), 0U);
  EXPECT_EQ(count({"/a", "", "", {{"header.t: not *", "header.m: x"}}}), 0U);
  EXPECT_EQ(count({"/a", "", "", {{"header.t: 7*", "header.m: x"}}}), 1U);
  EXPECT_EQ(count({"/a", "", "", {{"header.q: 7", "header.m: y"}}}), 0U);
}

TEST(RouteOverlap, TenThousandRoutesOfOnePathAreCheckedQuickly) {
  config::Spec spec;
  for (std::size_t i = 0; i < 10000; ++i) {
    std::string when = "header.t: t" + std::to_string(i);
    spec.routes.push_back(testing::route({"/a", "", "", {{when}}}, i));
  }
  auto begin = std::chrono::steady_clock::now();
  config::Diagnostics d;
  EXPECT_TRUE(Router::compile(spec, d));
  // The bench has the real figure; this only says that it is not the fifty million pairs (more than 10 s
  // here).
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3));
}

}  // namespace
}  // namespace gatehouse::gateway
