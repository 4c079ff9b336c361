// An answer that came before its request's body had ended left the body's replay buffer behind: the pump went
// on with a destroyed object, whose blocks nobody gave back (simulation, seed 238).
#include <gtest/gtest.h>

#include "sim/run.h"

namespace gatehouse::sim {
namespace {

TEST(EarlyAnswer, KeepsTheBodyThatIsStillSent) {
  RequestPlan r;
  r.id = 1;
  r.method = "POST";
  r.body = {.kind = BodyKind::length, .size = 4000};
  r.piece = 1000;
  r.piece_delay = 10ms;
  r.acts.push_back(
      {.act = Act::early, .body = {.kind = BodyKind::length, .size = 9000}, .piece_delay = 40ms});
  Plan plan;
  plan.seed = 238;
  plan.connections.push_back({.requests = {r}});
  auto outcome = run(plan);
  EXPECT_EQ(outcome.answers, 1U);
  for (const auto& v : outcome.violations) ADD_FAILURE() << v;
}

}  // namespace
}  // namespace gatehouse::sim
