// A request behind one that says `Connection: close` stays unread; the close that followed the answer then
// reset the connection, and the answer was lost on its way (simulation, seed 23).
#include <gtest/gtest.h>

#include "sim/run.h"

namespace gatehouse::sim {
namespace {

TEST(LastAnswer, ArrivesThoughMoreWasPipelined) {
  RequestPlan first;
  first.id = 1;
  first.close = true;
  first.acts.push_back({.body = {.kind = BodyKind::length, .size = 9000}});
  RequestPlan second = first;
  second.id = 2;
  Plan plan;
  plan.seed = 23;
  plan.connections.push_back({.requests = {first, second}, .pipelined = true, .read_delay = 5ms});
  auto outcome = run(plan);
  EXPECT_EQ(outcome.answers, 1U);
  for (const auto& v : outcome.violations) ADD_FAILURE() << v;
}

}  // namespace
}  // namespace gatehouse::sim
