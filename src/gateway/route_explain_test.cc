#include "gateway/route_explain.h"

#include <gtest/gtest.h>

#include "gateway/router_testing.h"

namespace gatehouse::gateway {
namespace {

using testing::Request;

std::vector<std::string> lines(const config::Spec& spec, const Request& request) {
  config::Diagnostics diagnostics;
  auto router = Router::compile(spec, diagnostics);
  if (!router) return {"wrong routes"};
  RouterScratch scratch(*router);
  Explanation e = explain(*router, spec, request.query(), scratch);
  std::vector<std::string> out{e.why};
  for (const RouteVerdict& v : e.routes)
    out.push_back(v.name + ": " + v.text +
                  (v.failed_at.line != 0 ? " @" + std::to_string(v.failed_at.line) : ""));
  RouteChoice direct = router->match(request.query(), scratch);
  EXPECT_EQ(direct.kind, e.choice.kind);
  EXPECT_EQ(direct.route, e.choice.route);
  return out;
}
using Lines = std::vector<std::string>;

TEST(Explain, SaysWhatFailedInEachRouteOfTheHost) {
  config::Spec spec = testing::spec_of({{"/p/*", "h.example"},
                                        {"/p/*", "h.example", "", {{"header.x-beta: true"}}},
                                        {"/p/*", "h.example", "POST"},
                                        {"/q", "h.example"},
                                        {"/p", "other.example"},
                                        {"/*"}});
  spec.routes[2].priority = 3;
  EXPECT_EQ(
      lines(spec, Request("GET", "/p/1", "h.example")),
      (Lines{
          "the best of those that match: host `h.example`, path `/p/*`", "r0: host `h.example`, path `/p/*`",
          "r5: would match, but ranks lower by its host", "r2: the method is not one of POST",
          "r1: `header.x-beta: true` does not hold: the request has none @2", "r3: the path is not `/q`"}));
  Request beta("GET", "/p/1", "h.example");
  beta.header("x-beta", "true");
  EXPECT_EQ(lines(spec, beta)[0],
            "the best of those that match: host `h.example`, path `/p/*`, 1 key of `when` and `method`");
  EXPECT_EQ(lines(spec, beta)[2], "r0: would match, but ranks lower by its number of keys");
  beta.header("x-beta", "false");
  EXPECT_EQ(lines(spec, Request("PUT", "/q/7", "other.example"))[1], "r5: host `*`, path `/*`");
}

TEST(Explain, NothingMatches) {
  config::Spec spec = testing::spec_of({{"/a", "", "GET"}, {"~/b.*"}});
  EXPECT_EQ(lines(spec, Request("GET", "/c")),
            (Lines{"no route matches", "r0: the path is not `/a`", "r1: the path is not `~/b.*`"}));
  EXPECT_EQ(lines(spec, Request("PUT", "/a"))[0], "routes match, but for other methods: GET, HEAD");
}

TEST(Explain, IdentityIsStillToCome) {
  config::Spec spec = testing::spec_of({{"/a", "", "", {{"claim.tier: gold"}}}, {"/a"}});
  EXPECT_EQ(
      lines(spec, Request("GET", "/a")),
      (Lines{"the best of those that match: host `*`, path `/a`, 1 key of `when` and `method`; identity is "
             "established before it is known",
             "r0: decided once the identity is known",
             "r1: would match, but ranks lower by its number of keys"}));
}

TEST(Explain, SeesRoutesThatAreFoundByHash) {
  config::Spec spec;
  for (std::size_t i = 0; i < 10; ++i) {
    std::string when = "header.t: " + std::to_string(i);
    spec.routes.push_back(testing::route({"/a", "", "", {{when}}}, i));
  }
  Request request("GET", "/a");
  request.header("t", "4");
  Lines seen = lines(spec, request);
  ASSERT_EQ(seen.size(), 11U);
  EXPECT_EQ(seen[1], "r4: host `*`, path `/a`, 1 key of `when` and `method`");
  EXPECT_EQ(seen[2], "r0: `header.t: 0` does not hold @1");
}

}  // namespace
}  // namespace gatehouse::gateway
