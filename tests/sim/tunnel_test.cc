// Tunnels: over reloads and to the drain, and cancelled at every point.
#include <gtest/gtest.h>

#include "sim/run_testing.h"

namespace gatehouse::sim {
namespace {

Plan plan_of(TunnelPlan tunnel, bool tls) {
  Plan p;
  p.seed = 1;
  p.tunnels = true;
  p.tls = {.clients = tls, .services = tls};
  ConnectionPlan c;
  RequestPlan r;
  r.id = 1;
  r.tunnel = tunnel;
  ServicePlan accepts;
  accepts.status = 101;
  r.acts.push_back(accepts);
  c.requests.push_back(r);
  p.connections.push_back(c);
  return p;
}

using End = TalkPlan::End;
constexpr TalkPlan kTalks{
    .bytes = 5000, .early = 300, .piece = 700, .piece_delay = 10ms, .end = End::finishes};
constexpr TalkPlan kWaits{.bytes = 3000, .early = 100, .piece = 900, .end = End::waits};
constexpr TalkPlan kStays{.bytes = 2000, .piece = 900, .end = End::stays};

class Tunnels : public ::testing::TestWithParam<bool> {};

TEST_P(Tunnels, BytesPassHoweverTheyArrive) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Plan p = plan_of({kTalks, kWaits}, GetParam());
    in_small_parts(p, seed);
    auto outcome = run(p);
    EXPECT_EQ(all_of(outcome), "") << seed;
    EXPECT_EQ(outcome.met.tunnels, 1U) << seed;
  }
}

TEST_P(Tunnels, PinNoReload) {
  Plan p = plan_of({kStays, kStays}, GetParam());
  p.reloads = {1s, 2s};
  auto outcome = run(p);
  EXPECT_EQ(all_of(outcome), "");
  EXPECT_EQ(outcome.met.tunnels, 1U);
}

TEST_P(Tunnels, EndWithTheDrain) {
  Plan p = plan_of({kStays, kStays}, GetParam());
  p.drain_at = 1s;
  auto outcome = run(p);
  EXPECT_EQ(all_of(outcome), "");
  EXPECT_EQ(outcome.met.tunnels, 1U);
}

// The client leaves after every step of the scheduler at which something could be under way.
TEST_P(Tunnels, NothingIsLeftWhereverTheyAreCancelled) {
  Plan p = plan_of({kTalks, kWaits}, GetParam());
  p.faults.partial_recv = p.faults.partial_send = 0.5;
  auto whole = run(p);
  ASSERT_EQ(all_of(whole), "");
  for (std::uint64_t step = 1; step < whole.load_steps; ++step) {
    auto outcome = run(p, {.leave_after = step, .reset = step % 2 == 0});
    EXPECT_EQ(all_of(outcome), "") << "left after step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(InClearTextAndTls, Tunnels, ::testing::Bool());

}  // namespace
}  // namespace gatehouse::sim
