// `100 Continue` was still leaving, slowly, when the service's early answer came: both were written to the
// client's connection at once, and the client got neither (simulation, seeds 16703, 36548, 44221).
#include <gtest/gtest.h>

#include "sim/run.h"

namespace gatehouse::sim {
namespace {

TEST(Continue, LeavesWholeBeforeAnEarlyAnswer) {
  RequestPlan r;
  r.id = 1;
  r.method = "POST";
  r.body = {.kind = BodyKind::length, .size = 3000};
  r.expect_continue = true;
  r.acts.push_back({.act = Act::early, .body = {.kind = BodyKind::length, .size = 500}, .interim = 1});
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Plan plan;
    plan.seed = seed;
    plan.faults.partial_send = 1;
    plan.connections.push_back({.requests = {r}});
    auto outcome = run(plan);
    EXPECT_EQ(outcome.answers, 1U) << seed;
    for (const auto& v : outcome.violations) ADD_FAILURE() << "seed " << seed << ": " << v;
  }
}

}  // namespace
}  // namespace gatehouse::sim
