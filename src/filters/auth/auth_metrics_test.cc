#include "filters/auth/auth_metrics.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "filters/auth/attributes.h"

namespace gatehouse::filters {
namespace {

TEST(AuthMetrics, EachFamilyIsMeasuredOverAllWorkers) {
  SharedAuthCounts counts(3);
  counts.of(0).cache_hits.add(2);
  counts.of(2).cache_hits.add(5);
  counts.of(1).waiting.add(4);
  std::vector<gateway::Measurement> all;
  measure(counts, 7, all);
  std::set<std::size_t> families;
  double hits = -1;
  double waiting = -1;
  for (const gateway::Measurement& m : all) {
    ASSERT_GE(m.family, 7U);
    ASSERT_LT(m.family - 7, auth_metric_families().size());
    families.insert(m.family);
    const gateway::MetricFamily& f = auth_metric_families()[m.family - 7];
    EXPECT_EQ(f.labels.empty(), m.labels.empty());
    if (!m.labels.empty()) EXPECT_EQ(m.labels.front().first, f.labels);
    if (!m.labels.empty() && m.labels.front().second == "hit") hits = m.value;
    if (f.name == "gatehouse_auth_waiting") waiting = m.value;
  }
  EXPECT_EQ(families.size(), auth_metric_families().size());
  EXPECT_EQ(hits, 7);
  EXPECT_EQ(waiting, 4);
}

TEST(Attributes, ComeBackAsTheyWereWritten) {
  BlockPool pool;
  Arena arena(pool);
  const AskedClaims asked{.names = {"a", "b"}, .keys = {"user", "claim.a", "claim.b"}};
  AttributeWriter writer;
  writer.begin();
  writer.add(0, "main:", "alice");
  writer.add(2, "");
  writer.add(2, std::string(5000, 'x'));
  const auto all = read_attributes(writer.finish(), asked, arena);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].key, "user");
  EXPECT_EQ(all[0].value, "main:alice");
  EXPECT_EQ(all[1].key, "claim.b");
  EXPECT_EQ(all[1].value, "");
  EXPECT_EQ(all[2].value, std::string(5000, 'x'));
  writer.begin();
  EXPECT_TRUE(read_attributes(writer.finish(), asked, arena).empty());
}

TEST(Attributes, AClaimIsAskedForWhereverItIsNamed) {
  config::Spec spec;
  spec.auth.emplace();
  spec.auth->send.push_back({"x-org", config::SendItem::From::claim, "org"});
  const auto naming = [](std::string name) {
    config::Condition c;
    c.key = {config::ConditionKey::Kind::claim, std::move(name)};
    return config::When{{c}};
  };
  spec.auth->rule.require = naming("all");
  spec.routes.emplace_back().when = naming("route_when");
  spec.routes.back().auth = config::AuthRule{.require = naming("route")};
  spec.services.emplace_back().auth = config::AuthRule{.require = naming("service")};
  spec.listeners.emplace_back().auth = config::AuthRule{.require = naming("org")};
  const AskedClaims asked = AskedClaims::of(spec);
  EXPECT_EQ(asked.names, (std::vector<std::string>{"all", "org", "route", "route_when", "service"}));
  EXPECT_EQ(asked.keys, (std::vector<std::string>{"user", "claim.all", "claim.org", "claim.route",
                                                  "claim.route_when", "claim.service"}));
}

}  // namespace
}  // namespace gatehouse::filters
