#include <gtest/gtest.h>

#include "gateway/router.h"
#include "gateway/router_testing.h"

namespace gatehouse::gateway {
namespace {

using testing::Request;

// Matches `url` with a route of `path` and gives what it is rewritten to.
struct Rewritten {
  config::Spec spec;
  config::Diagnostics diagnostics;
  Request request;
  RouteChoice choice;

  Rewritten(std::string_view path, std::string_view url) : request("GET", url) {
    spec = testing::spec_of({{path}});
    auto router = Router::compile(spec, diagnostics);
    RouterScratch scratch(*router);
    choice = router->match(request.query(), scratch);
  }
  std::string to(std::string_view rewrite) {
    auto compiled = CompiledRewrite::path(rewrite.empty() ? config::Rewrite{} : testing::rewrite(rewrite),
                                          &pattern(), {}, diagnostics);
    return std::string(rewrite_path(compiled, choice.captures, request.query().path, request.arena()));
  }
  std::string redirect(std::string_view to) {
    auto compiled = CompiledRewrite::redirect(to, &pattern(), {}, diagnostics);
    return std::string(
        redirect_target(compiled, choice.captures, request.query().request->query, request.arena()));
  }
  const config::PathPattern& pattern() const { return spec.routes[0].paths[0]; }
};

TEST(Rewrite, KeepsThePartUnderTheStar) {
  EXPECT_EQ(Rewritten("/x/*", "/x/a/b;c").to("/y/*"), "/y/a/b;c");
  EXPECT_EQ(Rewritten("/x/*", "/x").to("/y/*"), "/y");
  EXPECT_EQ(Rewritten("/x/*", "/x/").to("/y/*"), "/y/");
  EXPECT_EQ(Rewritten("/api/v1/*", "/api/v1/items").to("/*"), "/items");
  EXPECT_EQ(Rewritten("/api/v1/*", "/api/v1").to("/*"), "/");
  EXPECT_EQ(Rewritten("/*", "/a").to("/y/*"), "/y/a");
  EXPECT_EQ(Rewritten("/x/*", "/x/a").to("/y"), "/y");
  EXPECT_EQ(Rewritten("/x/*", "/x/a").to("/y/"), "/y/");
  EXPECT_EQ(Rewritten("/x/*", "/x/a").to("/"), "/");
  EXPECT_EQ(Rewritten("/x", "/x").to("/y/*"), "/y");
  EXPECT_EQ(Rewritten("/x/*", "/x/a?q=1").to(""), "/x/a");
}

TEST(Rewrite, UsesTheNamesOfThePath) {
  EXPECT_EQ(Rewritten("/u/:id/p/:n/*", "/u/7;v/p/8/t").to("/:n/of/:id/*"), "/8/of/7;v/t");
  Rewritten wrong("/u/:id", "/u/7");
  wrong.to("/:name");
  ASSERT_EQ(wrong.diagnostics.size(), 1U);
  EXPECT_EQ(wrong.diagnostics[0].message, "`:name` is no part of the path `/u/:id`");
}

TEST(Rewrite, NeverBeginsWithTwoSlashes) {
  EXPECT_EQ(Rewritten("/x/*", "/x//evil.example").to("/*"), "/evil.example");
  EXPECT_EQ(Rewritten("/x/*", "/x//evil.example").redirect("/*"), "/evil.example");
}

TEST(Redirect, TakesPartsOfThePathAndKeepsTheQuery) {
  EXPECT_EQ(Rewritten("/x/*", "/x/a/b?q=1").redirect("https://new.example:8443/y/*"),
            "https://new.example:8443/y/a/b?q=1");
  EXPECT_EQ(Rewritten("/x/*", "/x/a?q=1").redirect("https://new.example"), "https://new.example?q=1");
  EXPECT_EQ(Rewritten("/x/:id", "/x/5").redirect("/items/:id/view"), "/items/5/view");
  EXPECT_EQ(Rewritten("/x", "/x?q=1").redirect("/login?next=1"), "/login?next=1");
  EXPECT_EQ(Rewritten("/x", "/x").redirect("https://id.example/a#b"), "https://id.example/a#b");
  EXPECT_EQ(Rewritten("/x/*", "/x/a").redirect("//cdn.example/*"), "//cdn.example/a");
}

// "listener path" of every row, for these listeners.
std::vector<std::string> open_on(config::Spec& spec, std::initializer_list<const char*> listeners) {
  spec.listeners.clear();
  for (const char* name : listeners) spec.listeners.emplace_back().name = name;
  std::vector<std::string> rows;
  for (const OpenRoute& r : open_routes(spec)) rows.push_back(r.listener + ' ' + r.path);
  return rows;
}

TEST(OpenRoutes, ASplitIsOpenWhereAllItsServicesAre) {
  config::Spec spec = testing::spec_of({{"/split"}, {"/both"}});
  spec.services.resize(3);
  spec.services[0].name = "hidden";
  spec.services[0].only = {"internal"};
  spec.services[1].name = "shown";
  spec.services[2].name = "mesh";
  spec.services[2].only = {"internal", "mesh"};
  spec.routes[0].to = {{"shown", "", 90, {}}, {"hidden", "", 10, {}}};
  spec.routes[1].to = {{"mesh", "", 50, {}}, {"hidden", "", 50, {}}};
  EXPECT_EQ(open_on(spec, {"public", "internal", "mesh"}),
            (std::vector<std::string>{"internal /split", "internal /both"}));
}

TEST(OpenRoutes, AConditionOnTheListenerIsReadAsARequestReadsIt) {
  config::Spec spec = testing::spec_of({{"/regex", "", "", {{"listener: ~in.*"}}},
                                        {"/not-regex", "", "", {{"listener: not ~in.*"}}},
                                        {"/not-both", "", "", {{"listener: not mesh|~in.*"}}},
                                        {"/absent", "", "", {{"listener: not *"}}}});
  EXPECT_EQ(open_on(spec, {"public", "internal", "mesh"}),
            (std::vector<std::string>{"public /not-regex", "public /not-both", "internal /regex",
                                      "mesh /not-regex"}));
}

TEST(OpenRoutes, SayWhatEachListenerOpens) {
  config::Spec spec =
      testing::spec_of({{"/a /b", "*.x.example", "GET PUT"},
                        {"/c", "", "", {{"listener: internal"}, {"header.x: 1", "listener: not internal"}}},
                        {"/d"}});
  spec.listeners.resize(2);
  spec.listeners[0].name = "public";
  spec.listeners[1].name = "internal";
  spec.services.resize(1);
  spec.services[0].name = "orders";
  spec.services[0].only = {"internal"};
  spec.routes[0].reply.emplace();
  spec.routes[1].redirect = {config::Secret::plain("/q"), 302};
  spec.routes[2].to = {{"orders", "", 90, {}}, {"orders", "v2", 10, {}}};
  std::vector<std::string> lines;
  for (const OpenRoute& r : open_routes(spec))
    lines.push_back(r.listener + ' ' + r.host + ' ' + r.path + ' ' + r.methods + " -> " + r.target +
                    (r.when.empty() ? "" : " when " + r.when));
  EXPECT_EQ(
      lines,
      (std::vector<std::string>{
          "public *.x.example /a GET, PUT -> reply 200", "public *.x.example /b GET, PUT -> reply 200",
          "public * /c * -> redirect to /q when header.x: 1", "internal *.x.example /a GET, PUT -> reply 200",
          "internal *.x.example /b GET, PUT -> reply 200", "internal * /c * -> redirect to /q",
          "internal * /d * -> orders 90%, orders.v2 10%"}));
}

}  // namespace
}  // namespace gatehouse::gateway
