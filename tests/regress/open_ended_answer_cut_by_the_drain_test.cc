// An answer to an HTTP/1.0 client that ends with its connection was cut by the end of a drain with a FIN: to
// the client it looked whole (simulation, seed 212).
#include <gtest/gtest.h>

#include "sim/run.h"

namespace gatehouse::sim {
namespace {

TEST(OpenEndedAnswer, IsResetWhenItIsCut) {
  RequestPlan r;
  r.id = 1;
  r.http10 = true;
  r.acts.push_back(
      {.act = Act::stall_body, .body = {.kind = BodyKind::chunked, .size = 60'000, .chunk = 700}});
  Plan plan;
  plan.seed = 212;
  plan.drain_at = 1s;
  plan.connections.push_back({.requests = {r}});
  auto outcome = run(plan);
  EXPECT_EQ(outcome.answers, 0U);
  for (const auto& v : outcome.violations) ADD_FAILURE() << v;
}

}  // namespace
}  // namespace gatehouse::sim
