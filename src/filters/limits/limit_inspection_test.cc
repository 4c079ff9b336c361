#include "gateway/limit_findings.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/arena.h"
#include "base/ip.h"
#include "config/loader.h"
#include "filters/limits/limit_policy.h"
#include "filters/limits/limiter.h"
#include "filters/limits/limits_filter.h"

namespace gatehouse::filters {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Time kNow{10s};

class LimitInspection : public ::testing::Test {
 protected:
  void start(const std::string& text) {
    auto loaded = config::load_text(
        "listen: {public: 8080, internal: 8081}\nauth: {issuer: https://id.example.com}\n" + text, "g.yaml",
        {});
    for (const config::Diagnostic& d : loaded.diagnostics)
      EXPECT_NE(d.level, config::Diagnostic::Level::error) << d.text();
    ASSERT_TRUE(loaded.spec);
    kinds.push_back(limits_filter());
    auto compiled = gateway::Snapshot::compile(std::make_shared<const config::Spec>(std::move(*loaded.spec)),
                                               registry, kinds);
    ASSERT_TRUE(compiled);
    snapshot = *compiled;
  }
  // What is met, as a person reads it.
  std::vector<std::string> met(std::optional<std::uint32_t> route, std::string_view user = {},
                               std::string_view listener = "public", std::optional<Time> now = kNow) {
    gateway::RouteQuery query;
    query.request = &head;
    query.path = "/a/x";
    query.client = parse_ip("192.0.2.1")->bytes;
    query.listener = listener;
    const gateway::Attribute items[] = {{"user", user}};
    const gateway::Identity identity{.user = user, .issuer = "main", .method = "jwt", .attributes = items};
    const auto inspector = snapshot->filters().find<gateway::LimitInspector>();
    std::vector<std::string> all;
    if (!inspector) return {"no inspector"};
    for (const auto& f :
         inspector->inspect(query, user.empty() ? nullptr : &identity, snapshot->spec(), route, now)) {
      all.push_back(fmt::format("{} {} {} {}", f.name, f.rate, f.per.empty() ? "-" : f.per,
                                f.counted.empty() ? "-" : f.counted));
      if (f.level)
        all.back() += fmt::format(" {}/{} {}", f.level->remaining, f.level->burst, f.level->wait / 1ms);
      if (f.dry_run) all.back() += " dry";
    }
    return all;
  }
  gateway::StateRegistry registry;
  std::vector<std::unique_ptr<gateway::FilterKind>> kinds;
  std::shared_ptr<const gateway::Snapshot> snapshot;
  BlockPool pool;
  Arena arena{pool};
  http::RequestHead head{arena};
};

TEST_F(LimitInspection, NamesWhatARequestMeetsAndForWhomItIsCounted) {
  start(
      "limits: {default: 20/h, fleet: 100/s, trial: {rate: 5/s per header.x-t, dry_run: true}}\n"
      "services: {s: {url: \"http://127.0.0.1:1\", limit: 7/s}, t: {url: \"http://127.0.0.1:2\", limit: "
      "8/s}}\n"
      "routes:\n  - {path: /a/*, to: s, limit: 3/s per ip}\n"
      "  - {path: /b/*, to: {s: 50%, t: 50%}}\n");
  head.headers.add("x-t", "secret");
  const auto signed_in = met(0, "ann");
  ASSERT_EQ(signed_in.size(), 5U) << ::testing::PrintToString(signed_in);
  EXPECT_THAT(signed_in[0], ::testing::StartsWith("fleet 100/s - - "));
  EXPECT_THAT(signed_in[1], ::testing::StartsWith("trial 5/s header.x-t #"));
  EXPECT_THAT(signed_in[1], ::testing::EndsWith(" dry"));
  EXPECT_EQ(signed_in[2], "default 20/h user ann 20/20 0");
  EXPECT_THAT(signed_in[3], ::testing::HasSubstr("7/s"));
  EXPECT_THAT(signed_in[4], ::testing::HasSubstr("3/s ip 192.0.2.1"));
  for (const std::string& line : signed_in) EXPECT_EQ(line.find("secret"), std::string::npos);
  EXPECT_EQ(met(1, "ann").size(), 5U) << "both services' limits";
  EXPECT_EQ(met(0)[2], "default 20/h ip 192.0.2.1 20/20 0");
}

TEST_F(LimitInspection, WhatIsRefusedBeforeMeetsThoseThatNeedNoRoute) {
  start("limits: {default: 20/h}\nroutes: [{path: /a/*, reply: {body: a}, limit: 3/s}]\n");
  EXPECT_THAT(met(std::nullopt, "ann"), ElementsAre("default 20/h ip 192.0.2.1 20/20 0"));
}

TEST_F(LimitInspection, ConditionsHoldOrDoNot) {
  start(
      "limits: {default: 20/h, inside: {rate: 9/s, when: {listener: internal}}, gold: {rate: 99/s per user, "
      "when: {user: ann}}}\n"
      "routes: [{path: /a/*, reply: {body: a}}]\n");
  EXPECT_THAT(met(0, "bob", "public", std::nullopt), ElementsAre("default 20/h user bob"));
  EXPECT_THAT(met(0, "ann", "public", std::nullopt), ElementsAre("gold 99/s user ann"));
  EXPECT_THAT(met(0, "bob", "internal", std::nullopt),
              ElementsAre("inside 9/s - -", "default 20/h user bob"));
}

TEST_F(LimitInspection, SaysWhatIsLeftAndWhenThereIsMore) {
  start("limits: {fleet: 2/s}\nroutes: [{path: /a/*, reply: {body: a}}]\n");
  EXPECT_THAT(met(0), ElementsAre("fleet 2/s - - 2/2 0"));
  const auto policy = snapshot->filters().find<LimitPolicy>();
  Charge charge{.limit = policy->all[0]->limit.get(), .units = 2};
  ASSERT_EQ(test_and_charge(*policy->table, {&charge, 1}, kNow.time_since_epoch().count(), 0), nullptr);
  EXPECT_THAT(met(0), ElementsAre("fleet 2/s - - 0/2 500"));
}

TEST_F(LimitInspection, OfTwoVersionsOfAServiceItsLimitIsOne) {
  start(
      "limits: {each: 9/s per service}\n"
      "services: {s: {versions: {v1: \"http://127.0.0.1:1\", v2: \"http://127.0.0.1:2\"}, limit: 7/s}}\n"
      "routes: [{path: /a/*, to: {s.v1: 90%, s.v2: 10%}}]\n");
  EXPECT_THAT(met(0, {}, "public", std::nullopt),
              ElementsAre("each 9/s service s", ::testing::HasSubstr("7/s - -")));
}

TEST_F(LimitInspection, NothingWithoutLimits) {
  start("routes: [{path: /a/*, reply: {body: a}}]\n");
  EXPECT_THAT(met(0), ElementsAre("no inspector"));
  kinds.clear();
  start("routes: [{path: /a/*, reply: {body: a}}, {path: /b/*, reply: {body: b}, limit: 3/s}]\n");
  EXPECT_THAT(met(0), IsEmpty());
}

}  // namespace
}  // namespace gatehouse::filters
