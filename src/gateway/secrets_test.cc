// What came from a substitution is printed as its source by this room too: summary, explain, errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/loader.h"
#include "gateway/registry.h"
#include "gateway/route_explain.h"
#include "gateway/router_testing.h"
#include "gateway/snapshot.h"

namespace gatehouse::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

config::Environment environment() {
  config::Environment e;
  e.variable = [](const std::string& name) -> std::optional<std::string> {
    if (name == "HOST") return "canary.example";
    if (name == "DOMAIN") return "canary.example";
    if (name == "BELOW") return "/canary";
    if (name == "PATH") return "/canary/*";
    if (name == "URL") return "https://canary.example/*";
    if (name == "TO") return "canary.v2";
    if (name == "IP") return "10.7.0.0/16";
    return "canary";
  };
  return e;
}

config::Spec spec_of(const std::string& text) {
  auto loaded = config::load_text(text, "g.yaml", environment());
  EXPECT_TRUE(loaded.spec) << (loaded.diagnostics.empty() ? "" : loaded.diagnostics[0].text());
  return loaded.spec ? std::move(*loaded.spec) : config::Spec{};
}

constexpr std::string_view kRoutes = R"(
services: {canary: {path: none, versions: {v1: http://a, v2: http://b}}}
routes:
  - {path: $PATH, host: $HOST, to: $TO, when: {host: "not *.${DOMAIN}", path: "not ${BELOW}/x", ip: $IP, header.x: $X}}
  - {path: /r/*, host: "*.${DOMAIN}", redirect: $URL, when: {header.x: "~${X}.*", query.y: "not ${X}"}}
)";

TEST(Secrets, TheSummaryShowsSources) {
  std::string all;
  for (const OpenRoute& r : open_routes(spec_of(std::string(kRoutes))))
    all += r.host + ' ' + r.path + ' ' + r.methods + " -> " + r.target + " when " + r.when + '\n';
  EXPECT_EQ(all,
            "$HOST $PATH * -> $TO when host: not *.${DOMAIN} and path: not ${BELOW}/x and ip: $IP and "
            "header.x: $X\n"
            "*.${DOMAIN} /r/* * -> redirect to $URL when header.x: ~${X}.* and query.y: not ${X}\n");
}

TEST(Secrets, ExplainShowsSources) {
  config::Spec spec = spec_of(std::string(kRoutes));
  config::Diagnostics diagnostics;
  auto router = Router::compile(spec, diagnostics);
  ASSERT_TRUE(router);
  RouterScratch scratch(*router);
  for (const char* host : {"canary.example", "a.canary.example"})
    for (const char* path : {"/canary/1", "/r/1", "/other"}) {
      testing::Request request("GET", path, host);
      request.header("x", "canary");
      Explanation e = explain(*router, spec, request.query(), scratch);
      std::string all = e.why;
      for (const RouteVerdict& v : e.routes) all += '\n' + v.name + ": " + v.text;
      for (const char* value : {"canary.example", "canary/", "10.7", "`canary", ": canary"})
        EXPECT_THAT(all, Not(HasSubstr(value))) << host << path;
    }
}

TEST(Secrets, AnExpressionThatIsRefusedIsNotQuoted) {
  // The loader reads expressions too, but not byte by byte: whatever it lets through is not quoted here.
  config::Spec spec = testing::spec_of({{"/a", "", "", {{"header.x: ~(canary"}}}});
  spec.routes[0].when[0][0].any_of[0].shown = "~$X";
  spec.routes[0].paths[0].regex = "(canary";
  spec.routes[0].paths[0].text = "$Y";
  config::Diagnostics diagnostics;
  EXPECT_FALSE(Router::compile(spec, diagnostics));
  std::string all;
  for (const auto& d : diagnostics) all += d.text() + '\n';
  EXPECT_THAT(all, HasSubstr("`~$X` is not a regular expression"));
  EXPECT_THAT(all, HasSubstr("path `$Y` is not a regular expression"));
  EXPECT_THAT(all, Not(HasSubstr("canary")));
}

TEST(Secrets, ConditionsAreComparedByMeaning) {
  // Disjoint, whatever was written: `x` against `not x`.
  config::Spec spec = spec_of(R"(
services: {a: http://a, b: http://b}
routes:
  - {path: /x, to: a, when: {header.x: $X}}
  - {path: /x, to: b, when: {header.x: not canary}}
  - {path: /y, to: a, when: {host: $HOST}}
  - {path: /y, to: b, when: {host: not canary.example}}
  - {path: /z/*, to: a, when: {path: $PATH}}
  - {path: /z/*, to: b, when: {path: not /canary/*}}
)");
  config::Diagnostics diagnostics;
  EXPECT_TRUE(Router::compile(spec, diagnostics)) << diagnostics[0].text();
}

TEST(Secrets, AUrlThatChangesBehindItsSourceIsAnotherVersion) {
  std::string url = "http://one";
  config::Environment e;
  e.variable = [&](const std::string&) { return std::optional(url); };
  StateRegistry registry;
  auto version = [&] {
    auto loaded = config::load_text("services: {a: $URL}", "g.yaml", e);
    auto snapshot =
        Snapshot::compile(std::make_shared<const config::Spec>(std::move(*loaded.spec)), registry, {});
    return (*snapshot)->services()[0].versions[0].shared;
  };
  auto first = version();
  EXPECT_EQ(version(), first);
  url = "http://two";
  EXPECT_NE(version(), first);
}

}  // namespace
}  // namespace gatehouse::gateway
