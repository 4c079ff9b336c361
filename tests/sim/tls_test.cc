// TLS on both sides of the gateway: same requests, cancelled at every point of a handshake too.
#include <gtest/gtest.h>

#include "sim/run_testing.h"

namespace gatehouse::sim {
namespace {

Plan plan_of(bool old_version) {
  Plan p;
  p.seed = 1;
  p.tls = {.clients = true, .services = true, .renewed = true, .old_services = old_version};
  ConnectionPlan c;
  c.hello = {.old_version = old_version, .resumes = true};
  RequestPlan r;
  r.id = 1;
  r.method = "POST";
  r.body = {.kind = BodyKind::chunked, .size = 70'000, .chunk = 3000, .trailers = true};
  ServicePlan s;
  s.body = {.kind = BodyKind::chunked, .size = 90'000, .chunk = 1000, .trailers = true};
  r.acts.push_back(s);
  c.requests.push_back(r);
  p.connections.push_back(c);
  return p;
}

class Tls : public ::testing::TestWithParam<bool> {};

TEST_P(Tls, AnswersAreTheSameHoweverTheBytesArrive) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Plan p = plan_of(GetParam());
    in_small_parts(p, seed);
    auto outcome = run(p);
    EXPECT_EQ(all_of(outcome), "") << seed;
    EXPECT_EQ(outcome.answers, 1U) << seed;
  }
}

TEST_P(Tls, SessionsAreResumedOverReloads) {
  Plan p = plan_of(GetParam());
  ConnectionPlan second = p.connections.front();
  second.requests.front().id = 2;
  second.start = 3s;
  p.connections.push_back(second);
  p.reloads = {1s, 2s};
  auto outcome = run(p);
  EXPECT_EQ(all_of(outcome), "");
  EXPECT_EQ(outcome.answers, 2U);
  EXPECT_EQ(outcome.met.handshakes, 2U);
  EXPECT_EQ(outcome.met.resumed, 1U);
}

// The client leaves after every step of the scheduler at which something could be under way.
TEST_P(Tls, NothingIsLeftWhereverItIsCancelled) {
  Plan p = plan_of(GetParam());
  p.connections.front().requests.front().body.size = 3000;
  p.connections.front().requests.front().acts.front().body.size = 3000;
  p.faults.partial_recv = p.faults.partial_send = 0.5;
  auto whole = run(p);
  ASSERT_EQ(all_of(whole), "");
  for (std::uint64_t step = 1; step < whole.load_steps; ++step) {
    auto outcome = run(p, {.leave_after = step, .reset = step % 2 == 0});
    EXPECT_EQ(all_of(outcome), "") << "left after step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, Tls, ::testing::Bool());

// What OpenSSL draws at random changes nothing in how a seed goes.
TEST(TlsReplay, IsTheSameRun) {
  unsigned looked_at = 0;
  for (std::uint64_t seed = 1; looked_at < 10; ++seed) {
    Plan p = Plan::draw(seed);
    if (!p.tls.clients && !p.tls.services) continue;
    ++looked_at;
    EXPECT_EQ(run(p).trace, run(p).trace) << seed;
  }
}

}  // namespace
}  // namespace gatehouse::sim
