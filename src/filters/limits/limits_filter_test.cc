#include "filters/limits/limits_filter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "config/loader.h"
#include "gateway/exchange_testing.h"

namespace gatehouse::filters {
namespace {

using gateway::Exchange;
using gateway::Verdict;
using gateway::testing::Fields;
using gateway::testing::ServedRequest;
using ::testing::HasSubstr;

// Stands for `auth`: believes whoever says who he is (`user`, `org`), and refuses who says `bad`.
class Believe final : public gateway::FilterKind {
 public:
  std::string_view name() const noexcept override { return "believe"; }
  void compile(const gateway::RouteContext&, gateway::Chain& chain, config::Diagnostics&) const override {
    chain.request.push_back({&judge, nullptr});
  }
  void compile(const gateway::ListenerContext&, gateway::ListenerChain& chain,
               config::Diagnostics&) const override {
    chain.identity.push_back({&judge, nullptr});
  }

 private:
  static std::string_view value(Exchange& x, std::string_view name) {
    const http::Header* h = x.request().headers.find(name);
    return h ? h->value : std::string_view{};
  }
  static Verdict judge(const void*, Exchange& x) {
    if (x.caller() != nullptr) return Verdict::next();
    if (!value(x, "bad").empty()) return x.refuse_with(Errc::unauthorized, "bad");
    gateway::Caller caller;
    if (const std::string_view user = value(x, "user"); !user.empty()) {
      auto* identity = new (x.arena().allocate(sizeof(gateway::Identity))) gateway::Identity{};
      identity->user = user;
      const std::string_view key = value(x, "api-key");
      identity->issuer = key.empty() ? "main" : "api_keys";
      auto* items = x.arena().make_array<gateway::Attribute>(2);
      items[0] = {"user", user};
      items[1] = {"claim.org", value(x, "org")};
      identity->attributes = {items, value(x, "org").empty() ? std::size_t{1} : std::size_t{2}};
      caller.identity = identity;
    }
    x.set_caller(caller);
    return Verdict::next();
  }
};

// Stands for `headers`: the answer loses x-cost on its way to the client.
class RemoveCost final : public gateway::FilterKind {
 public:
  std::string_view name() const noexcept override { return "remove"; }
  void compile(const gateway::RouteContext&, gateway::Chain& chain, config::Diagnostics&) const override {
    chain.response.push_back({[](const void*, Exchange&, gateway::Reply& reply) {
                                reply.head->headers.remove("x-cost");
                                return Verdict::next();
                              },
                              nullptr});
  }
};

class LimitsFilter : public ::testing::Test {
 protected:
  static std::unique_ptr<gateway::FilterKind> headers_stub() { return std::make_unique<RemoveCost>(); }
  static constexpr std::string_view kRoutes =
      "routes:\n"
      "  - {path: /a/*, reply: {status: 200, body: a}}\n"
      "  - {path: /b/*, reply: {status: 200, body: b}, method: GET}\n";

  static config::Spec parse(std::string_view limits, std::string_view routes) {
    const std::string text = fmt::format(
        "listen: {{public: 8080, internal: 8081}}\nauth: {{issuer: https://id.example.com, api_keys: "
        "{{keys: {{k: {}}}}}}}\n{}\n{}",
        std::string(64, 'a'), limits, routes);
    auto loaded = config::load_text(text, "g.yaml", {});
    std::string errors;
    for (const config::Diagnostic& d : loaded.diagnostics) errors += d.text() + "\n";
    EXPECT_TRUE(loaded.spec) << errors;
    return loaded.spec ? *loaded.spec : config::Spec{};
  }
  void start(std::string_view limits, std::string_view routes = kRoutes) {
    kinds.clear();
    kinds.push_back(std::make_unique<Believe>());
    kinds.push_back(limits_filter());
    kinds.push_back(headers_stub());
    kinds.push_back(limit_costs_filter());
    bench = std::make_unique<gateway::testing::Bench>(parse(limits, routes), kinds);
    bench->world().run_for(10s);
  }
  int ask(const Fields& headers = {}, std::string_view target = "/a/x", std::string_view peer = "192.0.2.1",
          std::string_view listener = "public") {
    ServedRequest r(*bench, target, headers, peer, listener);
    const int status = r.status();
    (void)r.record();
    return status;
  }
  // How many of `times` are let through.
  int admitted(int times, const Fields& headers = {}, std::string_view target = "/a/x",
               std::string_view peer = "192.0.2.1", std::string_view listener = "public") {
    int n = 0;
    for (int i = 0; i < times; ++i) n += ask(headers, target, peer, listener) == 200 ? 1 : 0;
    return n;
  }
  std::vector<std::unique_ptr<gateway::FilterKind>> kinds;
  std::unique_ptr<gateway::testing::Bench> bench;
};

const Fields kAlice = {{"user", "alice"}};
const Fields kBob = {{"user", "bob"}};

// ---- what is counted apart
// -------------------------------------------------------------------------------------

TEST_F(LimitsFilter, UsersApart) {
  start("limits: {default: 3/min}");
  EXPECT_EQ(admitted(5, kAlice), 3);
  EXPECT_EQ(admitted(5, kBob), 3);
  bench->world().run_for(20s);
  EXPECT_EQ(admitted(5, kAlice), 1);
}

TEST_F(LimitsFilter, WhoHasNoIdentityIsCountedByAddress) {
  start("limits: {default: 2/min per user, org: 1/min per claim.org}");
  EXPECT_EQ(admitted(3), 1);
  EXPECT_EQ(admitted(3, {}, "/a/x", "192.0.2.2"), 1);
  EXPECT_EQ(admitted(3, {}, "/a/x", "2001:db8::1"), 1);
  EXPECT_EQ(admitted(3, {}, "/a/x", "2001:db8::ffff:2"), 0) << "the same network";
  EXPECT_EQ(admitted(3, {}, "/a/x", "2001:db8:0:1::1"), 1);
  // A user who is called like an address is not that address.
  EXPECT_EQ(admitted(1, {{"user", "192.0.2.1"}, {"org", "o"}}), 1);
}

TEST_F(LimitsFilter, AllTogether) {
  start("limits: {fleet: 3/min}");
  EXPECT_EQ(admitted(2, kAlice) + admitted(2, kBob), 3);
}

TEST_F(LimitsFilter, ByClaimHeaderAndKey) {
  start("limits: {org: 2/min per claim.org, tenant: 3/min per header.x-tenant, key: 4/min per key}");
  const Fields one = {{"user", "alice"}, {"org", "acme"}, {"x-tenant", "t1"}};
  const Fields two = {{"user", "bob"}, {"org", "acme"}, {"x-tenant", "t2"}};
  EXPECT_EQ(admitted(1, one) + admitted(3, two), 2) << "of one org";
  EXPECT_EQ(admitted(5, {{"user", "carol"}, {"org", "other"}, {"x-tenant", "t1"}}), 2) << "of a tenant";
  EXPECT_EQ(admitted(1, {{"user", "dan"}, {"org", "d"}, {"x-tenant", "t9"}}, "/a/x", "192.0.2.9"), 1);
  start("limits: {key: 2/min per key}");
  EXPECT_EQ(admitted(3, {{"user", "k"}, {"api-key", "1"}}), 2);
  EXPECT_EQ(admitted(3, {{"user", "k"}}), 2) << "not a key: by address";
}

TEST_F(LimitsFilter, ByRoute) {
  start("limits: {route: 2/min per route}");
  EXPECT_EQ(admitted(3, kAlice, "/a/x"), 2);
  EXPECT_EQ(admitted(3, kBob, "/b/x"), 2);
}

TEST_F(LimitsFilter, OfAServiceAndARoute) {
  start("",
        "routes:\n"
        "  - {path: /a/*, reply: {status: 200}, limit: 2/min per user}\n"
        "  - {path: /b/*, reply: {status: 200}}\n");
  EXPECT_EQ(admitted(3, kAlice, "/a/x"), 2);
  EXPECT_EQ(admitted(3, kAlice, "/b/x"), 3);
  EXPECT_EQ(admitted(3, kBob, "/a/x"), 2);
}

TEST_F(LimitsFilter, OfTheServiceThatWasChosen) {
  // Nobody listens there: what is let through gets 503.
  start(
      "services: {a: {url: \"http://127.0.0.1:1\", limit: 3/min}, b: {url: \"http://127.0.0.1:2\", limit: "
      "5/min}}\n",
      "routes:\n  - {path: /both/*, to: {a: 50%, b: 50%}}\n  - {path: /a/*, to: a}\n");
  auto let_through = [&](int times, std::string_view target) {
    int n = 0;
    for (int i = 0; i < times; ++i) {
      ServedRequest r(*bench, target);
      bench->world().run_until([&] { return r.done(); }, 5s);
      EXPECT_TRUE(r.status() == 503 || r.status() == 429) << r.status();
      n += r.status() == 503 ? 1 : 0;
    }
    return n;
  };
  EXPECT_EQ(let_through(40, "/both/x"), 8) << "each has its own";
  EXPECT_EQ(let_through(3, "/a/x"), 0);
  bench->world().run_for(20s);
  EXPECT_EQ(let_through(9, "/a/x"), 1);
}

// ---- which apply (rule 8)
// -------------------------------------------------------------------------------------

TEST_F(LimitsFilter, DefaultYieldsToOneThatIsMeantForSome) {
  start(
      "limits:\n"
      "  default: 2/min per user\n"
      "  partners: {when: {claim.org: acme}, rate: 5/min per claim.org}\n");
  EXPECT_EQ(admitted(9, {{"user", "alice"}, {"org", "acme"}}), 5);
  EXPECT_EQ(admitted(9, {{"user", "bob"}, {"org", "other"}}), 2);
}

TEST_F(LimitsFilter, DefaultDoesNotYieldToOthers) {
  for (const char* other : {"{rate: 5/min per user}", "{when: {listener: public}, rate: 5/min}",
                            "{when: {listener: public}, rate: 5/min per user, dry_run: true}",
                            "{when: {listener: internal}, rate: 5/min per user}"}) {
    start(fmt::format("limits:\n  default: 2/min per user\n  other: {}\n", other));
    EXPECT_EQ(admitted(9, kAlice), 2) << other;
  }
}

TEST_F(LimitsFilter, DoorsWithLimitsOfTheirOwn) {
  start(
      "limits:\n"
      "  public: {when: {listener: public}, rate: 5/min}\n"
      "  internal: {when: {listener: internal}, rate: 2/min}\n"
      "  fleet: 6/min\n");
  EXPECT_EQ(admitted(9, {}, "/a/x", "192.0.2.1", "internal"), 2);
  EXPECT_EQ(admitted(9), 4) << "of six in all";
}

TEST_F(LimitsFilter, AnonymousOnes) {
  start("limits: {anonymous: {when: {user: not *}, rate: 2/min per ip}}");
  EXPECT_EQ(admitted(4), 2);
  EXPECT_EQ(admitted(4, kAlice), 4);
}

TEST_F(LimitsFilter, RefusedByOneItCostsNothingOfTheOthers) {
  start("limits: {default: 1/min per user, fleet: 3/min}");
  EXPECT_EQ(admitted(9, kAlice), 1);
  EXPECT_EQ(admitted(9, kBob), 1);
  EXPECT_EQ(admitted(9, {{"user", "carol"}}), 1);
  EXPECT_EQ(admitted(9, {{"user", "dan"}}), 0);
}

// ---- refusals of the gateway's own
// ----------------------------------------------------------------------------

TEST_F(LimitsFilter, WhatIsRefusedBeforeIsChargedByAddress) {
  start("limits: {default: 3/min}");
  EXPECT_EQ(ask({}, "/nowhere"), 404);
  EXPECT_EQ(ask({{"bad", "1"}}), 401);
  ServedRequest post(*bench, "/b/x", {}, "192.0.2.1", "public", "POST");
  EXPECT_EQ(post.status(), 405);
  EXPECT_EQ(ask({{"bad", "1"}}), 429);
  ServedRequest r(*bench, "/nowhere");
  EXPECT_EQ(r.status(), 429);
  EXPECT_THAT(r.body(), HasSubstr(R"("reason":"rate_limited")"));
  EXPECT_NE(r.answer("retry-after"), "");
  EXPECT_EQ(r.record().reason, Errc::rate_limited);
  EXPECT_EQ(bench->last().limit_key, "192.0.2.1");
  EXPECT_EQ(ask({}, "/nowhere", "192.0.2.2"), 404) << "from elsewhere";
  EXPECT_EQ(admitted(3, kAlice), 3) << "a user is none of it";
}

TEST_F(LimitsFilter, ARequestIsChargedOnce) {
  // A later step refuses with 403: what it was charged stays, and nothing is added.
  struct Late final : gateway::FilterKind {
    std::string_view name() const noexcept override { return "late"; }
    void compile(const gateway::RouteContext&, gateway::Chain& chain, config::Diagnostics&) const override {
      chain.request.push_back(
          {[](const void*, Exchange& x) { return x.refuse_with(Errc::denied, "late"); }, nullptr});
    }
  };
  kinds.push_back(std::make_unique<Believe>());
  kinds.push_back(limits_filter());
  kinds.push_back(std::make_unique<Late>());
  bench = std::make_unique<gateway::testing::Bench>(parse("limits: {fleet: 3/min}", kRoutes), kinds);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(kAlice), 403) << i;
  EXPECT_EQ(ask(kAlice), 429);
}

// ---- answers
// ---------------------------------------------------------------------------------------------------

TEST_F(LimitsFilter, AnswersTellWhatIsLeft) {
  start("limits: {default: 2/s burst 4 per user, fleet: 100/s burst 10}");
  ServedRequest first(*bench, "/a/x", kAlice);
  EXPECT_EQ(first.answer("ratelimit-policy"), R"("fleet";q=100;w=1, "default";q=4;w=2)");
  EXPECT_EQ(first.answer("ratelimit"), R"("default";r=3;t=1)");
  EXPECT_EQ(first.answer("retry-after"), "");
  EXPECT_EQ(admitted(3, kAlice), 3);
  ServedRequest refused(*bench, "/a/x", kAlice);
  EXPECT_EQ(refused.status(), 429);
  EXPECT_EQ(refused.answer("ratelimit-policy"), R"("fleet";q=100;w=1, "default";q=4;w=2)");
  EXPECT_EQ(refused.answer("ratelimit"), R"("default";r=0;t=2)");
  EXPECT_THAT(refused.answer("retry-after"), ::testing::AnyOf("1", "2"));
  EXPECT_THAT(refused.body(), HasSubstr(R"("title":"Too many requests")"));
  EXPECT_EQ(refused.answer("content-type"), "application/problem+json");
  EXPECT_EQ(refused.record().limit, "default");
  EXPECT_EQ(bench->last().limit_key, "alice");
}

TEST_F(LimitsFilter, RetryAfterIsSpread) {
  start("limits: {default: 1/min per user}");
  ASSERT_EQ(admitted(1, kAlice), 1);
  std::set<std::string> seen;
  for (int i = 0; i < 400; ++i) seen.insert(ServedRequest(*bench, "/a/x", kAlice).answer("retry-after"));
  EXPECT_EQ(seen.size(), 16U) << "60 to 75 s";
  EXPECT_TRUE(seen.contains("60") && seen.contains("75"));
}

TEST_F(LimitsFilter, HeadersByChoice) {
  auto told = [&](const std::vector<const char*>& names) {
    ServedRequest r(*bench, "/a/x", kAlice);
    std::string all;
    for (const char* name : names) all += r.answer(name) + "|";
    return all;
  };
  const std::vector<const char*> kLegacy = {"x-ratelimit-limit", "x-ratelimit-remaining",
                                            "x-ratelimit-reset"};
  start("limits: {default: {rate: 10/s per user, headers: legacy}}");
  EXPECT_EQ(told({"ratelimit"}), "|");
  EXPECT_EQ(told(kLegacy), "10|8|1|");
  start("limits: {default: {rate: 10/s per user, headers: both}}");
  EXPECT_EQ(told({"ratelimit"}), R"("default";r=9;t=1|)");
  EXPECT_EQ(told(kLegacy), "10|8|1|");
  start("limits: {default: {rate: 10/s per user, headers: off}, fleet: 20/s}");
  EXPECT_EQ(told({"ratelimit", "ratelimit-policy"}), R"("fleet";r=19;t=1|"fleet";q=20;w=1|)");
}

TEST_F(LimitsFilter, ItsOwnReply) {
  start(
      "limits: {default: {rate: 1/min per user, reply: {status: 503, headers: {x-why: slow down}, body: "
      "later}}}");
  ASSERT_EQ(ask(kAlice), 200);
  ServedRequest r(*bench, "/a/x", kAlice);
  EXPECT_EQ(r.status(), 503);
  EXPECT_EQ(r.body(), "later");
  EXPECT_EQ(r.answer("x-why"), "slow down");
  EXPECT_NE(r.answer("retry-after"), "");
  EXPECT_EQ(r.record().reason, Errc::rate_limited);
}

TEST_F(LimitsFilter, ADryRunCountsAndLogs) {
  start("limits: {tried: {rate: 1/min per header.x-tenant, dry_run: true}}");
  const Fields headers = {{"x-tenant", "secret-tenant"}};
  EXPECT_EQ(admitted(3, headers), 3);
  EXPECT_EQ(bench->last().limit, "tried");
  EXPECT_FALSE(bench->last().failed);
  EXPECT_EQ(bench->last().limit_key.size(), 17U) << "a hash, not what the client sent";
  EXPECT_EQ(bench->last().limit_key.front(), '#');
  ServedRequest r(*bench, "/a/x", headers);
  EXPECT_EQ(r.answer("ratelimit"), "");
}

// ---- costs
// -----------------------------------------------------------------------------------------------------

TEST_F(LimitsFilter, Costs) {
  start("limits: {default: {rate: 10/min per user, cost: 4}}");
  EXPECT_EQ(admitted(5, kAlice), 2);
  start("limits: {default: {rate: 10/min per user, cost: header.x-cost max 6}}");
  auto cost = [](const char* text) { return Fields{{"user", "alice"}, {"x-cost", text}}; };
  EXPECT_EQ(ask(cost("3")), 200);
  EXPECT_EQ(ServedRequest(*bench, "/a/x", cost("0")).answer("ratelimit"), R"("default";r=6;t=24)")
      << "nothing is free";
  EXPECT_EQ(ServedRequest(*bench, "/a/x", cost("x")).answer("ratelimit"), R"("default";r=5;t=30)");
  EXPECT_EQ(ask(cost("99999999999999999999999")), 429) << "as much as `max`";
  EXPECT_EQ(ask(cost("5")), 200);
  EXPECT_EQ(ask(kAlice), 429);
}

TEST_F(LimitsFilter, ACostThatTheAnswerTells) {
  start("limits: {default: {rate: 10/min per user, cost: response.header.x-cost max 8}}",
        "routes:\n"
        "  - {path: /a/*, reply: {status: 200, headers: {x-cost: 2}}}\n"
        "  - {path: /b/*, reply: {status: 200}}\n"
        "  - {path: /c/*, reply: {status: 200, headers: {x-cost: 50}}}\n");
  EXPECT_EQ(ServedRequest(*bench, "/a/x", kAlice).answer("ratelimit"), R"("default";r=8;t=12)");
  EXPECT_EQ(ServedRequest(*bench, "/b/x", kAlice).answer("ratelimit"), R"("default";r=7;t=18)");
  EXPECT_EQ(ask(kAlice), 429) << "eight have to be held";
  EXPECT_EQ(ask(kBob, "/c/x"), 200);
  EXPECT_EQ(ask(kBob, "/b/x"), 429) << "no more than `max`, and no less";
}

TEST_F(LimitsFilter, WhatIsRefusedBeforeCostsOneWhateverTheServiceWouldHaveTold) {
  start("limits: {fleet: {rate: 10/min, cost: response.header.x-cost max 9}}");
  for (int i = 0; i < 9; ++i) EXPECT_EQ(ask({}, "/nowhere"), 404) << i;
  EXPECT_EQ(ServedRequest(*bench, "/nowhere").answer("ratelimit"), R"("fleet";r=0;t=60)");
}

TEST_F(LimitsFilter, ACostIsReadBeforeItsHeaderIsRemoved) {
  start("limits: {default: {rate: 10/min per user, cost: response.header.x-cost max 8}}",
        "routes: [{path: /a/*, reply: {status: 200, headers: {x-cost: 5}}}]\n");
  ServedRequest r(*bench, "/a/x", kAlice);
  EXPECT_EQ(r.answer("x-cost"), "");
  EXPECT_EQ(r.answer("ratelimit"), R"("default";r=5;t=30)");
}

// Held costs that time has given back are no credit.
TEST_F(LimitsFilter, SlowAnswersDoNotBecomeABurst) {
  start("limits: {default: {rate: 10/s per user, cost: response.header.x-cost max 10}}",
        "routes: [{path: /a/*, reply: {status: 200, headers: {x-cost: 10}}}]\n");
  EXPECT_EQ(admitted(5, kAlice), 1);
  bench->world().run_for(1s);
  EXPECT_EQ(admitted(5, kAlice), 1);
}

TEST_F(LimitsFilter, WindowsAreToldAsTheyWereWritten) {
  for (const auto& [rate, policy, left] :
       std::initializer_list<std::array<const char*, 3>>{{"3/s", "q=3;w=1", "r=2;t=1"},
                                                         {"300/s", "q=300;w=1", "r=299;t=1"},
                                                         {"7/min", "q=7;w=60", "r=6;t=9"},
                                                         {"1000/h", "q=1000;w=3600", "r=999;t=4"},
                                                         {"100/s burst 200", "q=200;w=2", "r=199;t=1"},
                                                         {"10/s burst 1", "q=10;w=1", "r=0;t=1"},
                                                         {"100/min burst 1", "q=1;w=1", "r=0;t=1"},
                                                         {"1/d burst 2", "q=2;w=172800", "r=1;t=86400"}}) {
    start(fmt::format("limits: {{a: {}}}", rate));
    ServedRequest r(*bench, "/a/x");
    EXPECT_EQ(r.answer("ratelimit-policy"), fmt::format(R"("a";{})", policy)) << rate;
    EXPECT_EQ(r.answer("ratelimit"), fmt::format(R"("a";{})", left)) << rate;
  }
}

// ---- reloads
// ---------------------------------------------------------------------------------------------------

TEST_F(LimitsFilter, AReloadKeepsWhatIsOwed) {
  start("limits: {default: 3/min per user}");
  EXPECT_EQ(admitted(2, kAlice), 2);
  ASSERT_TRUE(bench->load(parse("limits: {default: 3/min per user, fleet: 100/s}", kRoutes)));
  EXPECT_EQ(admitted(5, kAlice), 1);
}

TEST_F(LimitsFilter, WithoutLimitsThereIsNoStep) {
  start("");
  EXPECT_TRUE(bench->snapshot()->listeners().front().chain.refusal.empty());
  EXPECT_EQ(bench->snapshot()->routes().front().chain.request.size(), 1U);
  EXPECT_EQ(admitted(50, kAlice), 50);
}

}  // namespace
}  // namespace gatehouse::filters
