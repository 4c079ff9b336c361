#include "gateway/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "gateway/router_tables.h"
#include "gateway/router_testing.h"

namespace gatehouse::gateway {
namespace {

using testing::Request;
using testing::RouteText;
using testing::spec_of;
using Kind = RouteChoice::Kind;

class Routes {
 public:
  Routes(std::initializer_list<RouteText> routes) : spec_(spec_of(routes)) {
    config::Diagnostics diagnostics;
    router_ = Router::compile(spec_, diagnostics);
    for (const auto& d : diagnostics) ADD_FAILURE() << d.message;
    if (!router_) throw std::runtime_error("wrong routes");
    scratch_.emplace(*router_);
  }
  RouteChoice match(const Request& r) { return router_->match(r.query(), *scratch_); }
  // The number of the route; -404, -405 or -1 (identity first) if there is none.
  int operator()(const Request& r) {
    RouteChoice c = match(r);
    switch (c.kind) {
      case Kind::found: return static_cast<int>(c.route);
      case Kind::no_route: return -404;
      case Kind::wrong_method: return -405;
      case Kind::needs_attributes: return -1;
    }
    return -2;
  }
  int get(std::string_view url, std::string_view host = "a.example") {
    return (*this)(Request("GET", url, host));
  }
  std::string allow(const Request& r) {
    BlockPool pool;
    Arena arena(pool);
    return std::string(router_->allow_text(match(r).allowed, arena));
  }
  MatchScratch& scratch() { return scratch_->state(); }

 private:
  config::Spec spec_;
  std::unique_ptr<const Router> router_;
  std::optional<RouterScratch> scratch_;
};

TEST(Router, EmptyConfigurationHasNoRoute) {
  Routes r{};
  EXPECT_EQ(r.get("/"), -404);
}

TEST(Router, StarIsThePathAndAllBelowItNeverALongerName) {
  Routes r{{"/x/*"}};
  EXPECT_EQ(r.get("/x"), 0);
  EXPECT_EQ(r.get("/x/"), 0);
  EXPECT_EQ(r.get("/x/a/b/c/d"), 0);
  EXPECT_EQ(r.get("/xy"), -404);
  EXPECT_EQ(r.get("/"), -404);
}

TEST(Router, LiteralTakesOneTrailingSlash) {
  Routes r{{"/a/b"}, {"/:id"}};
  EXPECT_EQ(r.get("/a/b"), 0);
  EXPECT_EQ(r.get("/a/b/"), 0);
  EXPECT_EQ(r.get("/a/b//"), -404);
  EXPECT_EQ(r.get("/a/b/c"), -404);
  EXPECT_EQ(r.get("/q"), 1);
  EXPECT_EQ(r.get("/q/"), 1);
}

TEST(Router, TrailingSlashGoesToTheRouteThatNamesIt) {
  Routes r{{"/a/b"}, {"/a/b/"}, {"/c/"}};
  EXPECT_EQ(r.get("/a/b"), 0);
  EXPECT_EQ(r.get("/a/b/"), 1);
  EXPECT_EQ(r.get("/c/"), 2);
  EXPECT_EQ(r.get("/c"), -404);
}

// The two bypasses of rule 4: a service that folds these to /orders/admin must not be reached by the wider
// route.
TEST(Router, ParametersAndTrailingSlashDoNotLeadAroundANarrowerRoute) {
  Routes r{{"/orders/*"}, {"/orders/admin"}};
  EXPECT_EQ(r.get("/orders/admin"), 1);
  EXPECT_EQ(r.get("/orders/admin;x"), 1);
  EXPECT_EQ(r.get("/orders/admin/"), 1);
  EXPECT_EQ(r.get("/orders/admin;x/"), 1);
  EXPECT_EQ(r.get("/orders/admin/;x"), 1);
  EXPECT_EQ(r.get("/orders;a=b/admin;c=d;e"), 1);
  EXPECT_EQ(r.get("/orders/administrator"), 0);
  EXPECT_EQ(r.get("/orders;x"), 0);
  EXPECT_EQ(r.get("/orders/admin/x"), 0);
}

TEST(Router, RegexSeesThePathWithoutParametersAndRanksLast) {
  Routes r{{"~/v[0-9]+/.*"}, {"/v1/a"}};
  EXPECT_EQ(r.get("/v1/a"), 1);
  EXPECT_EQ(r.get("/v1/b"), 0);
  EXPECT_EQ(r.get("/v12;p=q/b;r"), 0);
  EXPECT_EQ(r.get("/v/b"), -404);
  EXPECT_EQ(r.get("/x/v1/b"), -404);
}

TEST(Router, RootAndAnyPath) {
  Routes r{{"/"}, {"", "b.example"}};
  EXPECT_EQ(r.get("/"), 0);
  EXPECT_EQ(r.get("/;x"), 0);
  EXPECT_EQ(r.get("/a"), -404);
  EXPECT_EQ(r.get("/a/b", "b.example"), 1);
}

TEST(Router, PathsRankSegmentBySegmentFromTheLeft) {
  Routes r{{"/a/:x/c"}, {"/:y/b/c"}, {"/a/*"}, {"/:z/*"}, {"/*"}};
  EXPECT_EQ(r.get("/a/b/c"), 0);
  EXPECT_EQ(r.get("/q/b/c"), 1);
  EXPECT_EQ(r.get("/a/b/d"), 2);
  EXPECT_EQ(r.get("/q/b/d"), 3);
  EXPECT_EQ(r.get("/"), 4);
}

TEST(Router, ParameterIsOneSegmentThatIsNotEmpty) {
  Routes r{{"/u/:id/p"}};
  EXPECT_EQ(r.get("/u/7/p"), 0);
  EXPECT_EQ(r.get("/u//p"), -404);
  EXPECT_EQ(r.get("/u/;x/p"), -404);
  EXPECT_EQ(r.get("/u/7/8/p"), -404);
}

TEST(Router, ExactHostThenLongestWildcardThenAny) {
  Routes r{{"/*"}, {"/*", "*.example"}, {"/*", "*.a.example"}, {"/*", "x.a.example"}};
  EXPECT_EQ(r.get("/", "x.a.example"), 3);
  EXPECT_EQ(r.get("/", "x.a.example."), 3);
  EXPECT_EQ(r.get("/", "y.a.example"), 2);
  EXPECT_EQ(r.get("/", "z.y.a.example"), 2);
  EXPECT_EQ(r.get("/", "a.example"), 1);
  EXPECT_EQ(r.get("/", "example"), 0);
  EXPECT_EQ(r.get("/", ".example"), 0);
  EXPECT_EQ(r.get("/", ""), 0);
}

TEST(Router, FallsBackFromHostToHostAndFromPathToPath) {
  Routes r{{"/a", "h.example", "", {{"header.x: 1"}}},
           {"/:p", "h.example", "", {{"header.x: 2"}}},
           {"/*", "*.example", "", {{"header.x: 3"}}},
           {"/a"}};
  EXPECT_EQ(r(Request("GET", "/a", "h.example").header("X", "1")), 0);
  EXPECT_EQ(r(Request("GET", "/a", "h.example").header("X", "2")), 1);
  EXPECT_EQ(r(Request("GET", "/a", "h.example").header("X", "3")), 2);
  EXPECT_EQ(r(Request("GET", "/a", "h.example").header("X", "4")), 3);
}

TEST(Router, PriorityCrossesHostsAndPaths) {
  Routes r{{.path = "/*", .when = {{"header.debug: *"}}, .priority = 10},
           {"/a", "h.example"},
           {.path = "~/a", .host = "h.example", .priority = 5},
           {.path = "/*", .priority = -1}};
  EXPECT_EQ(r(Request("GET", "/a", "h.example").header("Debug", "1")), 0);
  EXPECT_EQ(r.get("/a", "h.example"), 2);
  EXPECT_EQ(r.get("/a/", "h.example"), 1);
  EXPECT_EQ(r.get("/b", "h.example"), 3);
}

TEST(Router, MoreKeysWinAndTheLargestMatchingMapCounts) {
  Routes r{{"/a"},
           {"/a", "", "GET"},
           {"/a", "", "", {{"header.x: 1", "header.y: 1"}}},
           {"/a", "", "GET", {{"header.x: 2"}, {"header.x: 1", "header.y: 1", "header.z: 1"}}}};
  EXPECT_EQ(r.get("/a"), 1);
  EXPECT_EQ(r(Request("POST", "/a")), 0);
  EXPECT_EQ(r(Request("POST", "/a").header("x", "1").header("y", "1")), 2);
  EXPECT_EQ(r(Request("GET", "/a").header("x", "1").header("y", "1").header("z", "1")), 3);
}

TEST(Router, GetServesHeadUnlessARouteNamesIt) {
  Routes r{{"/a", "", "GET"}, {"/b", "", "GET"}, {"/b", "", "HEAD"}};
  EXPECT_EQ(r(Request("HEAD", "/a")), 0);
  EXPECT_EQ(r(Request("HEAD", "/b")), 2);
  EXPECT_EQ(r(Request("GET", "/b")), 1);
}

TEST(Router, WrongMethodNamesTheOthers) {
  Routes r{{"/a", "", "GET"}, {"/a", "", "PURGE"}, {"/*", "", "PUT", {{"header.x: 1"}}}, {"/b", "", "POST"}};
  EXPECT_EQ(r(Request("DELETE", "/a")), -405);
  EXPECT_EQ(r.allow(Request("DELETE", "/a")), "GET, HEAD, PURGE");
  EXPECT_EQ(r.allow(Request("DELETE", "/a").header("x", "1")), "GET, HEAD, PUT, PURGE");
  EXPECT_EQ(r(Request("DELETE", "/c")), -404);
  EXPECT_EQ(r(Request("PURGE", "/a")), 1);
  EXPECT_EQ(r(Request("BREW", "/b")), -405);
}

TEST(Router, MethodUnderWhenIsAMethodToo) {
  Routes r{{"/a", "", "", {{"method: not POST|BREW"}}},
           {"/a", "", "", {{"method: POST"}}},
           {"/b", "", "", {{"method: P*"}}}};
  EXPECT_EQ(r(Request("POST", "/a")), 1);
  EXPECT_EQ(r(Request("HEAD", "/a")), 0);
  EXPECT_EQ(r(Request("UNHEARD", "/a")), 0);
  EXPECT_EQ(r(Request("BREW", "/a")), -405);
  EXPECT_EQ(r(Request("PUT", "/b")), 2);
  EXPECT_EQ(r(Request("PROPFIND", "/b")), 2);
  EXPECT_EQ(r(Request("GET", "/b")), -405);
  EXPECT_EQ(r(Request("UNHEARD", "/b")), -405);
  EXPECT_EQ(r.allow(Request("GET", "/b")), "POST, PUT, PATCH");
}

TEST(Router, ManyRoutesOfOneKeyAreFoundByTheirText) {
  config::Spec spec;
  for (std::size_t i = 0; i < 100; ++i) {
    std::string when = "header.x-tenant: t" + std::to_string(i) + "|u" + std::to_string(i);
    spec.routes.push_back(testing::route({"/a", "", i == 7 ? "GET" : "", {{when}}}, i));
  }
  spec.routes.push_back(testing::route({"/a"}, 100));
  spec.routes.push_back(testing::route({"/a", "", "", {{"header.x-tenant: not *"}}}, 101));
  config::Diagnostics diagnostics;
  auto router = Router::compile(spec, diagnostics);
  ASSERT_TRUE(router);
  EXPECT_EQ(router->tables().dispatches.size(), 2U);
  RouterScratch scratch(*router);
  auto route = [&](const Request& r) { return router->match(r.query(), scratch).route; };
  EXPECT_EQ(route(Request("GET", "/a").header("X-Tenant", "t42")), 42U);
  EXPECT_EQ(route(Request("GET", "/a").header("X-Tenant", "u99")), 99U);
  EXPECT_EQ(route(Request("GET", "/a").header("X-Tenant", "t7")), 7U);
  EXPECT_EQ(route(Request("POST", "/a").header("X-Tenant", "t7")), 100U);
  EXPECT_EQ(route(Request("GET", "/a")), 101U);
  EXPECT_EQ(route(Request("GET", "/a").header("X-Tenant", "t9").header("X-Tenant", "t3")),
            3U);  // written first
}

TEST(Router, IdentityIsEstablishedWhereItDecides) {
  Routes r{{"/a", "", "", {{"claim.tier: gold", "header.x: 1"}}}, {"/a"}, {"/b", "", "", {{"user: not *"}}}};
  EXPECT_EQ(r.get("/a"), 1);  // all else does not hold: nobody need be asked
  Request gold("GET", "/a");
  gold.header("x", "1");
  EXPECT_EQ(r(gold), -1);
  EXPECT_EQ(r(gold.attribute("claim.tier", "silver").attribute("claim.tier", "gold")), 0);
  EXPECT_EQ(r(Request("GET", "/a").header("x", "1").identified()), 1);
  EXPECT_EQ(r.get("/b"), -1);
  EXPECT_EQ(r(Request("GET", "/b").identified()), 2);
  EXPECT_EQ(r(Request("GET", "/b").attribute("user", "ann")), -404);
}

TEST(Router, ManyRoutesOfOneClaim) {
  config::Spec spec;
  for (std::size_t i = 0; i < 20; ++i) {
    std::string when = "claim.org: o" + std::to_string(i);
    spec.routes.push_back(testing::route({"/a", "", "", {{when}}}, i));
  }
  config::Diagnostics diagnostics;
  auto router = Router::compile(spec, diagnostics);
  RouterScratch scratch(*router);
  EXPECT_EQ(router->match(Request("GET", "/a").query(), scratch).kind, Kind::needs_attributes);
  Request known("GET", "/a");
  known.attribute("claim.org", "o13");
  EXPECT_EQ(router->match(known.query(), scratch).route, 13U);
}

TEST(Router, CapturesAreAsTheyCame) {
  Routes r{{"/a/:x/:y/*"}, {"/*"}};
  Request request("GET", "/a;p/1;q/2/c;r/d/?z");
  RouteChoice c = r.match(request);
  EXPECT_EQ(c.captures.parameters[0], "1;q");
  EXPECT_EQ(c.captures.parameters[1], "2");
  EXPECT_EQ(c.captures.tail, "/c;r/d/");
  Request shorter("GET", "/a/1/2");
  EXPECT_EQ(r.match(shorter).captures.tail, "");
  Request any("GET", "/b/c");
  EXPECT_EQ(r.match(any).captures.tail, "/b/c");
}

TEST(Router, ARouteWithSeveralPathsSaysWhichMatched) {
  Routes r{{"/a /b/:id /c/*", "x.example *.y.example"}};
  Request request("GET", "/b/9", "q.y.example");
  RouteChoice c = r.match(request);
  EXPECT_EQ(c.pattern, 1U);
  EXPECT_EQ(c.captures.parameters[0], "9");
}

TEST(Router, RegexesThatDoNotFitInASetAreTriedOneByOne) {
  for (std::int64_t memory : {std::int64_t{16} << 20, std::int64_t{1}, std::int64_t{4000}}) {
    Routes r{{"~/a[0-9]+", "", "GET"},
             {"~/b[0-9]{1,50}", "", "POST"},
             {"~/c.*x.*y", "", "PUT"},
             {"~/d(e|f)*", "", "PATCH"},
             {"~/a1.*", "", "DELETE"}};
    r.scratch().regex_set_memory = memory;
    EXPECT_EQ(r.get("/a12"), 0) << memory;
    EXPECT_EQ(r(Request("POST", "/b7")), 1) << memory;
    EXPECT_EQ(r(Request("DELETE", "/a12")), 4) << memory;
    EXPECT_EQ(r(Request("PUT", "/c;s/x/y")), 2) << memory;
    EXPECT_EQ(r(Request("PATCH", "/dg")), -404) << memory;
  }
}

TEST(Router, LongAndStrangePathsAreRead) {
  Routes r{{"/a/b/c"}, {"/a/*"}};
  std::string deep = "/a";
  for (int i = 0; i < 5000; ++i) deep += "/s";
  EXPECT_EQ(r.get(deep), 1);
  EXPECT_EQ(r.get(""), -404);
  EXPECT_EQ(r.get("*"), -404);
  EXPECT_EQ(r.get("/a/a-literal-that-is-far-longer-than-a-slot"), 1);
  Routes longer{{"/a-literal-that-is-far-longer-than-a-slot/x"}};
  EXPECT_EQ(longer.get("/a-literal-that-is-far-longer-than-a-slot/x"), 0);
  EXPECT_EQ(longer.get("/a-literal-that-is-far-longer-than-a-slof/x"), -404);
}

TEST(Router, WrongPatternsAreErrors) {
  auto messages = [](RouteText text) {
    config::Diagnostics d;
    EXPECT_FALSE(Router::compile(spec_of({text}), d));
    return d.empty() ? std::string{} : d.front().message;
  };
  EXPECT_THAT(messages({"~/a("}), ::testing::HasSubstr("not a regular expression"));
  EXPECT_THAT(messages({"/a", "", "", {{"header.x: ~["}}}), ::testing::HasSubstr("not a regular expression"));
  EXPECT_THAT(messages({"/:a/:b/:c/:d/:e/:f/:g/:h/:i"}), ::testing::HasSubstr("more than 8 parameters"));
}

}  // namespace
}  // namespace gatehouse::gateway
