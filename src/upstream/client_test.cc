#include "upstream/client.h"

#include <set>

#include "upstream/upstream_testing.h"

namespace gatehouse::upstream {
namespace {

using testing::Asked;
using testing::ip;
using testing::ScriptedService;
using testing::Step;

class ClientTest : public testing::UpstreamTest {
 protected:
  explicit ClientTest(unsigned n = 1) : UpstreamTest(n) {}
  // An endpoint by the service's balancing, without a connection.
  unsigned chosen() {
    Result<Lease> lease{Lease()};
    (void)client.try_acquire(service, service.versions.front(), {}, lease);
    return static_cast<unsigned>(std::stoul(lease->endpoint().shared->name()));
  }
  Lease hold() {
    Result<Lease> lease{Lease()};
    (void)client.try_acquire(service, service.versions.front(), {}, lease);
    return std::move(*lease);
  }
};
class ThreeEndpoints : public ClientTest {
 protected:
  ThreeEndpoints() : ClientTest(3) {}
};

// ---- the pool --------------------------------------------------------------------------------------------

TEST_F(ClientTest, TheConnectionThatWasUsedLastIsUsedFirst) {
  ScriptedService s(world, ip(1), {{.wait = 10ms}});
  auto a = begin();
  auto b = begin();
  finish(*a);
  finish(*b);
  a.reset();
  b.reset();
  EXPECT_EQ(idle(1), 2U);
  service.policy.idle = 5s;
  for (int i = 0; i < 12; ++i) {  // one of the two is enough: the other one expires
    world.run_for(1s);
    EXPECT_TRUE(ask()->report.reused);
  }
  EXPECT_EQ(s.accepted, 2);
}

TEST_F(ClientTest, IdleConnectionsExpire) {
  service.policy.idle = 5s;
  ScriptedService s(world, ip(1), {Step{}});
  ask();
  world.run_for(4s);
  EXPECT_EQ(idle(1), 1U);
  world.run_for(2s);
  EXPECT_EQ(idle(1), 0U);
  EXPECT_EQ(s.open(), 0U);
}

TEST_F(ClientTest, WhatTheServiceSaysAboutKeepAliveCountsLessASecond) {
  ScriptedService s(world, ip(1),
                    {{.answer = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=3\r\nContent-Length: 0\r\n\r\n"},
                     {.answer = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n"}});
  ask();
  world.run_for(1500ms);
  EXPECT_EQ(idle(1), 1U);
  world.run_for(1s);
  EXPECT_EQ(idle(1), 0U) << "after 2 s";
  ask();
  EXPECT_EQ(idle(1), 0U) << "a second of margin leaves nothing of one";
}

TEST_F(ClientTest, AConnectionThatItsServiceClosedIsNoticed) {
  ScriptedService s(world, ip(1), {Step{}});
  ask();
  EXPECT_EQ(idle(1), 1U);
  s.close_all();
  world.run_for(100ms);
  auto a = ask();
  EXPECT_EQ(a->status, 200);
  EXPECT_EQ(a->report.tries, 1U) << "it was seen before it was used";
  EXPECT_FALSE(a->report.reused);
}

TEST_F(ClientTest, WhatSaysMoreThanItWasAskedIsNotKept) {
  ScriptedService s(world, ip(1),
                    {{.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n"}});
  ask();
  EXPECT_EQ(idle(1), 0U);
}

// ---- the choice of an endpoint
// -----------------------------------------------------------------------------

TEST_F(ThreeEndpoints, RoundIsInTurn) {
  service.balance = config::Balance::round;
  unsigned first = chosen();
  unsigned second = chosen();
  unsigned third = chosen();
  EXPECT_EQ(first + second + third, 6U);
  EXPECT_EQ(chosen(), first);
  EXPECT_EQ(chosen(), second);
}

TEST_F(ThreeEndpoints, LeastIsTheOneWithTheFewest) {
  service.balance = config::Balance::least;
  auto a = hold();
  auto b = hold();
  auto c = hold();
  EXPECT_EQ(std::set({&a.endpoint(), &b.endpoint(), &c.endpoint()}).size(), 3U);
  LocalEndpoint* freed = &b.endpoint();
  b = Lease();
  EXPECT_EQ(&hold().endpoint(), freed);
}

// Of two that are drawn the busier one is never taken: with all load on one of three, it gets nothing.
TEST_F(ThreeEndpoints, P2cSparesTheBusiest) {
  std::vector<Lease> load;
  for (int i = 0; i < 50; ++i) {
    Result<Lease> lease{Lease()};
    (void)client.try_acquire(service, service.versions.front(), {.avoid = endpoints[0].get(), .fresh = true},
                             lease);
    load.push_back(std::move(*lease));
  }
  ASSERT_EQ(local(1)->in_flight, 50U);
  int counts[4] = {};
  for (int i = 0; i < 600; ++i) ++counts[chosen()];
  EXPECT_EQ(counts[1], 0);
  EXPECT_GT(counts[2], 200);
  EXPECT_GT(counts[3], 200);
}

// ---- those that are left out
// -------------------------------------------------------------------------------

TEST(Endpoint, IsLeftOutForASecondDoublingToThirty) {
  Endpoint e(net::SocketAddress::of(ip(1), 80), "1");
  Time now{Duration(1h)};
  for (int seconds : {1, 2, 4, 8, 16, 30, 30}) {
    e.refused(now, e.refusals());
    EXPECT_FALSE(e.usable(now + Duration(1s) * seconds - 1ms)) << seconds;
    now += Duration(1s) * seconds;
    EXPECT_TRUE(e.usable(now)) << seconds;
    EXPECT_FALSE(e.usable(now)) << "its trial is one request's alone";
  }
  e.answered();
  EXPECT_TRUE(e.usable(now));
  EXPECT_TRUE(e.usable(now));
  e.refused(now, e.refusals());
  EXPECT_TRUE(e.usable(now + 1s)) << "it begins again with one";
}

TEST(Endpoint, ManyRefusalsTogetherAreOne) {
  Endpoint e(net::SocketAddress::of(ip(1), 80), "1");
  Time now{Duration(1h)};
  for (unsigned expected : {1U, 2U}) {
    unsigned seen = e.refusals();
    for (int i = 0; i < 50; ++i) e.refused(now, seen);
    EXPECT_EQ(e.refusals(), expected);
    EXPECT_TRUE(e.left_out(now + 1s * expected - 1ms));
    EXPECT_FALSE(e.left_out(now + 1s * expected));
    now += 1s * expected;
  }
}

TEST(Endpoint, AChecksVerdictAndRefusalsAreKeptApart) {
  Endpoint e(net::SocketAddress::of(ip(1), 80), "1");
  Time now{Duration(1h)};
  e.refused(now, e.refusals());
  e.set_checked(false);
  e.answered();
  EXPECT_TRUE(e.checked_down()) << "an accepted connection does not overrule a check";
  EXPECT_FALSE(e.usable(now));
  e.set_checked(true);
  EXPECT_TRUE(e.usable(now));
}

// Fifty requests find their service gone at once: that is one refusal, not six in a row.
TEST_F(ThreeEndpoints, ACrashLeavesOutForOneSecond) {
  service.policy.retry.tries = 1;
  std::vector<std::unique_ptr<Asked>> all;
  for (int i = 0; i < 50; ++i) all.push_back(begin());
  for (auto& a : all) finish(*a);
  for (auto& e : endpoints) {
    EXPECT_TRUE(e->left_out(host.loop.now()));
    EXPECT_FALSE(e->left_out(host.loop.now() + 1s));
  }
}

// What brings it back may be an answer on a pooled connection: no new one may be needed for a long time.
TEST_F(ThreeEndpoints, AnAnswerOnAPooledConnectionEndsTheTrial) {
  ScriptedService one(world, ip(1), {Step{}});
  ScriptedService two(world, ip(2), {Step{}});
  ScriptedService three(world, ip(3), {Step{}});
  service.balance = config::Balance::round;
  for (int i = 0; i < 3; ++i) ask();
  ASSERT_EQ(idle(1), 1U);
  endpoints[0]->refused(host.loop.now(), 0);
  for (int i = 0; i < 6; ++i) ask();
  EXPECT_EQ(one.requests.size(), 1U) << "left out";
  world.run_for(1100ms);
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(ask()->report.reused);
  EXPECT_EQ(one.requests.size(), 4U) << "every third";
  EXPECT_EQ(one.accepted, 1);
}

TEST_F(ThreeEndpoints, WhatIsLeftOutGetsNothingUnlessAllAre) {
  for (auto balance : {config::Balance::p2c, config::Balance::least, config::Balance::round}) {
    service.balance = balance;
    endpoints[0]->set_checked(false);
    for (int i = 0; i < 50; ++i) EXPECT_NE(chosen(), 1U);
    endpoints[1]->set_checked(false);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(chosen(), 3U);
    endpoints[2]->set_checked(false);
    std::set<unsigned> seen;
    for (int i = 0; i < 50; ++i) seen.insert(chosen());
    if (balance == config::Balance::least) {
      EXPECT_EQ(seen.size(), 1U);
    } else {
      EXPECT_EQ(seen.size(), 3U) << "used as if none were out";
    }
    for (auto& e : endpoints) e->set_checked(true);
  }
}

TEST_F(ThreeEndpoints, LeastSparesTheTrialOfWhoIsNotChosen) {
  service.balance = config::Balance::least;
  Result<Lease> busy{Lease()};
  (void)client.try_acquire(service, service.versions.front(), {.avoid = endpoints[0].get(), .fresh = true},
                           busy);
  endpoints[0]->refused(host.loop.now(), 0);
  world.run_for(1100ms);
  EXPECT_NE(chosen(), 1U) << "it is the busiest";
  EXPECT_TRUE(endpoints[0]->usable(host.loop.now()));
}

// ---- whose fault it is
// -------------------------------------------------------------------------------------

TEST_F(ClientTest, AShortRestOfTheDeadlineIsNotTheEndpointsFault) {
  world.faults().connect_unanswered = 1;
  service.policy.connect_timeout = 500ms;
  service.policy.deadline = 200ms;
  EXPECT_EQ(ask()->error.code, Errc::deadline_exceeded);
  EXPECT_EQ(endpoints[0]->refusals(), 0U);
  service.policy.deadline = 700ms;
  service.policy.retry.tries = 1;
  EXPECT_EQ(ask()->error.code, Errc::connect_timeout);
  EXPECT_EQ(endpoints[0]->refusals(), 1U);
}

class FailingNetwork final : public net::Network {
 public:
  net::Task<Result<net::StreamPtr>> connect(net::SocketAddress, Time) override {
    co_return fail(Errc::io_failed, "no free port");
  }
  Result<std::unique_ptr<net::Acceptor>> accept_on(std::unique_ptr<net::BoundSocket>) override {
    return fail(Errc::io_failed);
  }
};

TEST_F(ClientTest, NoFreePortIsNotTheEndpointsFault) {
  FailingNetwork network;
  Client poor(host.loop, network);
  Asked a(poor, service, http::Method::get, {});
  finish(a);
  EXPECT_EQ(a.error.code, Errc::connect_refused);
  EXPECT_EQ(a.error.origin, Origin::gateway);
  EXPECT_EQ(endpoints[0]->refusals(), 0U);
}

// ---- permits
// -----------------------------------------------------------------------------------------------

TEST_F(ClientTest, PermitsReturnHoweverTheCallEnds) {
  service.policy.max_in_flight = 1;
  ScriptedService s(world, ip(1),
                    {{.then = Step::Then::silence}, {.answer = "", .then = Step::Then::reset}, {}});
  auto first = begin();
  world.run_for(1s);
  auto refused = ask();
  EXPECT_EQ(refused->error.code, Errc::saturated);
  EXPECT_EQ(refused->error.origin, Origin::gateway);
  EXPECT_EQ(s.requests.size(), 1U);
  first->cancel();
  EXPECT_EQ(service.shared->in_flight.count(), 0U);
  service.policy.retry.tries = 1;
  EXPECT_EQ(ask()->error.code, Errc::upstream_reset);
  EXPECT_EQ(service.shared->in_flight.count(), 0U);
  auto good = ask();
  EXPECT_EQ(good->status, 200);
  good.reset();
  EXPECT_EQ(service.shared->in_flight.count(), 0U);
}

TEST_F(ClientTest, ANameThatAnswersLaterIsWaitedFor) {
  service.versions.front().shared->slot.publish(std::make_shared<EndpointSet>());
  ScriptedService s(world, ip(1), {Step{}});
  auto a = begin();
  world.run_for(100ms);
  EXPECT_FALSE(a->done());
  set_endpoints(1);
  finish(*a);
  EXPECT_EQ(a->status, 200);
  service.versions.front().shared->slot.publish(std::make_shared<EndpointSet>());
  EXPECT_EQ(ask()->error.code, Errc::name_not_resolved) << "after connect_timeout";
}

TEST_F(ClientTest, AllThatWaitForANameAreOneWaiter) {
  service.policy.connect_timeout = 100ms;
  EndpointSlot& slot = service.versions.front().shared->slot;
  slot.publish(std::make_shared<EndpointSet>());
  for (int wave = 0; wave < 3; ++wave) {
    std::vector<std::unique_ptr<Asked>> all;
    for (int i = 0; i < 20; ++i) all.push_back(begin());
    EXPECT_EQ(slot.waiting(), 1U);
    for (auto& a : all) finish(*a);
  }
  slot.publish(std::make_shared<EndpointSet>());
  auto a = begin();
  EXPECT_EQ(slot.waiting(), 1U) << "of the version that is in force now";
  ScriptedService s(world, ip(1), {Step{}});
  set_endpoints(1);
  finish(*a);
  EXPECT_EQ(a->status, 200);
}

}  // namespace
}  // namespace gatehouse::upstream
