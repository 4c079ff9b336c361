// An answer that came before a long chunked body had been read promised that the connection goes on, and then
// it was closed under the next request (simulation, seed 168).
#include <gtest/gtest.h>

#include "sim/run.h"

namespace gatehouse::sim {
namespace {

TEST(UnreadChunks, PromiseNoKeepAlive) {
  RequestPlan first;
  first.id = 1;
  first.method = "POST";
  first.route = Route::nowhere;
  first.body = {.kind = BodyKind::chunked, .size = 200'000, .chunk = 5000};
  first.acts.emplace_back();
  RequestPlan second;
  second.id = 2;
  second.acts.emplace_back();
  Plan plan;
  plan.seed = 168;
  plan.connections.push_back({.requests = {first, second}});
  auto outcome = run(plan);
  EXPECT_EQ(outcome.answers, 1U);
  for (const auto& v : outcome.violations) ADD_FAILURE() << v;
}

}  // namespace
}  // namespace gatehouse::sim
