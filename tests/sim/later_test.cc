// The seam for filters that answer `later`: same requests with and without them, cancelled at every point,
// and the late attribute that a route's choice waits for.
#include <gtest/gtest.h>

#include "sim/run_testing.h"

namespace gatehouse::sim {
namespace {

RequestPlan request(std::uint64_t id, std::string method, std::size_t body) {
  RequestPlan r;
  r.id = id;
  r.method = std::move(method);
  if (body) r.body = {.kind = BodyKind::chunked, .size = body, .chunk = 3000, .trailers = true};
  r.later_request = 20;
  r.later_response = 7;
  ServicePlan s;
  s.body = {.kind = BodyKind::chunked, .size = 9000, .chunk = 1000, .trailers = true};
  s.interim = 1;
  r.acts.push_back(s);
  return r;
}

// One of each kind that a filter may hold up: a body, none, a refusal, a late attribute, a fixed reply.
Plan plan_of(std::vector<RequestPlan> requests) {
  Plan p;
  p.seed = 1;
  ConnectionPlan c;
  c.requests = std::move(requests);
  p.connections.push_back(std::move(c));
  return p;
}

std::vector<RequestPlan> one_of_each() {
  auto denied = request(3, "GET", 0);
  denied.denied = true;
  auto role = request(4, "POST", 500);
  role.route = Route::role;
  role.role = "admin";
  auto no_role = request(5, "GET", 0);
  no_role.route = Route::role;
  auto fixed = request(6, "GET", 0);
  fixed.route = Route::generation;
  auto nowhere = request(7, "GET", 0);
  nowhere.route = Route::nowhere;
  return {request(1, "GET", 0), request(2, "POST", 70'000), denied, role, no_role, fixed, nowhere};
}

TEST(Later, AnswersAreTheSameWithAndWithoutIt) {
  for (bool later : {false, true}) {
    for (bool refusal : {false, true}) {
      Plan p = plan_of(one_of_each());
      p.filters = {.later = later, .refusal = refusal};
      auto outcome = run(p);
      EXPECT_EQ(all_of(outcome), "") << later << refusal;
      EXPECT_EQ(outcome.answers, 7U) << later << refusal;
    }
  }
}

TEST(Later, AnswersAreTheSameHoweverTheBytesArrive) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Plan p = plan_of(one_of_each());
    in_small_parts(p, seed);
    auto outcome = run(p);
    EXPECT_EQ(all_of(outcome), "") << seed;
    EXPECT_EQ(outcome.answers, 7U) << seed;
  }
}

TEST(Later, PipelinedRequestsAreAnsweredInOrder) {
  Plan p = plan_of(one_of_each());
  p.connections.front().pipelined = true;
  auto outcome = run(p);
  EXPECT_EQ(all_of(outcome), "");
  EXPECT_EQ(outcome.answers, 7U);
}

// Each kind of request is cancelled after every step of the scheduler at which something could be under way:
// its client leaves then, in order or with a reset. Nothing may be left, and ASan sees what is touched too
// late.
class CancelledEverywhere : public ::testing::TestWithParam<std::size_t> {};

TEST_P(CancelledEverywhere, NothingIsLeft) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Plan p = plan_of({one_of_each()[GetParam()]});
    p.seed = seed;
    p.faults.partial_recv = p.faults.partial_send = seed % 2 ? 0 : 0.5;
    if (seed > 2) p.faults.buffer_min = p.faults.buffer_max = 3000;
    auto whole = run(p);
    ASSERT_EQ(all_of(whole), "");
    for (std::uint64_t step = 1; step < whole.load_steps; ++step) {
      for (bool reset : {false, true}) {
        auto outcome = run(p, {.leave_after = step, .reset = reset});
        EXPECT_EQ(all_of(outcome), "") << "seed " << seed << ", left after step " << step;
      }
    }
  }
}

// The same seed is the same run: what one seed found can be looked at again.
TEST(Replay, IsTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) EXPECT_EQ(run(seed).trace, run(seed).trace) << seed;
}

INSTANTIATE_TEST_SUITE_P(Kinds, CancelledEverywhere, ::testing::Range<std::size_t>(0, 7));

// The late attribute decides between two routes of one path: `AnswerCheck` wants the service that it names.
TEST(Later, AttributeIsThereBeforeTheChoiceOfRoute) {
  auto requests = one_of_each();
  Plan p = plan_of({requests[3], requests[4]});
  auto outcome = run(p);
  EXPECT_EQ(all_of(outcome), "");
  EXPECT_EQ(outcome.answers, 2U);
}

}  // namespace
}  // namespace gatehouse::sim
