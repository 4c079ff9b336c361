#include "upstream/call.h"

#include "upstream/upstream_testing.h"

namespace gatehouse::upstream {
namespace {

using config::RetryOn;
using http::Method;
using testing::ip;
using testing::ScriptedService;
using testing::Step;
using Then = Step::Then;

const Step kOk{};
const Step kReset{.answer = "", .then = Then::reset};
const Step kClose{.answer = "", .then = Then::close};
const Step kSilence{.then = Then::silence};
const Step k503{.answer = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"};

class CallTest : public testing::UpstreamTest {
 protected:
  explicit CallTest(unsigned n = 1) : UpstreamTest(n) {}
};
class TwoEndpoints : public CallTest {
 protected:
  TwoEndpoints() : CallTest(2) {}
};

TEST_F(CallTest, AnAnswerComesWithItsReport) {
  ScriptedService s(world, ip(1), {kOk});
  auto a = ask(Method::post, "hello");
  EXPECT_EQ(a->status, 200);
  EXPECT_EQ(a->body, "ok");
  EXPECT_EQ(a->report.tries, 1U);
  EXPECT_EQ(a->report.endpoint, "1");
  EXPECT_EQ(a->report.response_bytes, 2U);
  EXPECT_FALSE(a->report.reused);
  EXPECT_TRUE(ask()->report.reused);
}

// ---- what is tried again ---------------------------------------------------------------------------------

TEST_F(CallTest, AResetIsTriedAgainForSafeMethodsOnly) {
  ScriptedService s(world, ip(1), {kReset, kOk, kReset, kOk});
  EXPECT_EQ(ask()->status, 200);
  EXPECT_EQ(s.requests.size(), 2U);
  auto post = ask(Method::post, "pay");
  EXPECT_EQ(post->status, 0);
  EXPECT_EQ(post->error.code, Errc::upstream_reset);
  EXPECT_EQ(s.requests.size(), 3U) << "a POST that was sent is not sent again";
}

TEST_F(CallTest, OnlyTheClassesThatAreConfigured) {
  service.policy.retry.on = static_cast<std::uint8_t>(RetryOn::connect);
  ScriptedService s(world, ip(1), {kClose, kOk, k503, kOk});
  EXPECT_EQ(ask()->error.code, Errc::upstream_closed);
  EXPECT_EQ(ask()->status, 200);
  EXPECT_EQ(ask()->status, 503);
  EXPECT_EQ(s.requests.size(), 3U);
}

TEST_F(CallTest, A503IsTriedAgainAndTheLastOneIsTheAnswer) {
  ScriptedService s(world, ip(1), {k503, kOk, k503, k503, kOk});
  EXPECT_EQ(ask()->status, 200);
  EXPECT_EQ(ask()->status, 503);
  EXPECT_EQ(s.requests.size(), 4U);
  EXPECT_EQ(ask(Method::post, "x")->status, 200);
}

TEST_F(CallTest, APostIsTriedAgainWhereNothingWasSent) {
  set_endpoints(2);  // nobody listens on the second
  ScriptedService s(world, ip(1), {kOk});
  for (int i = 0; i < 20; ++i) {
    auto a = ask(Method::post, "pay");
    EXPECT_EQ(a->status, 200) << i;
    EXPECT_EQ(a->report.endpoint, "1");
  }
  EXPECT_EQ(s.requests.size(), 20U);
}

TEST_F(TwoEndpoints, TheOneThatFailedIsAvoided) {
  ScriptedService bad(world, ip(1), {k503});
  ScriptedService good(world, ip(2), {kOk});
  for (int i = 0; i < 30; ++i) EXPECT_EQ(ask()->status, 200) << i;
  EXPECT_EQ(good.requests.size(), 30U);
  EXPECT_GT(bad.requests.size(), 0U);
}

// ---- the budget ------------------------------------------------------------------------------------------

TEST_F(CallTest, ADeadServiceDoesNotGetTwiceTheLoad) {
  service.policy.retry.tries = 3;
  ScriptedService s(world, ip(1), {k503});
  constexpr unsigned kRequests = 400;
  for (unsigned i = 0; i < kRequests; ++i) EXPECT_EQ(ask()->status, 503);
  EXPECT_LT(world.clock().now().time_since_epoch() - 1h, 10s) << "all of it within one window";
  EXPECT_LE(s.requests.size(), kRequests + kRequests / 5 + 30);
  EXPECT_GE(s.requests.size(), kRequests + kRequests / 5);
}

TEST_F(CallTest, NoBudgetNoRetry) {
  service.policy.retry.budget = 0;
  ScriptedService s(world, ip(1), {k503});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ask()->status, 503);
  EXPECT_EQ(s.requests.size(), 130U) << "3 a second are always free";
}

// ---- dead pooled connections -----------------------------------------------------------------------------

// The service closes while the request is under way: it has not seen it.
TEST_F(CallTest, ADeadReusedConnectionIsOutsideTriesAndBudget) {
  service.policy.retry.tries = 1;
  service.policy.retry.budget = 0;
  ScriptedService s(world, ip(1), {kOk, kReset, kOk});
  EXPECT_EQ(ask()->status, 200);
  auto second = ask();
  EXPECT_EQ(second->status, 200);
  EXPECT_EQ(second->report.tries, 2U);
  EXPECT_FALSE(second->report.reused);
  EXPECT_EQ(s.accepted, 2);
  EXPECT_EQ(client.counters().retries.value(), 0U);
}

TEST_F(CallTest, AndOnceOnly) {
  service.policy.retry.tries = 1;
  ScriptedService s(world, ip(1), {kOk, kReset, kReset, kOk});
  EXPECT_EQ(ask()->status, 200);
  EXPECT_EQ(ask()->error.code, Errc::upstream_reset);
  EXPECT_EQ(s.requests.size(), 3U);
}

TEST_F(CallTest, APostOnADeadReusedConnectionIsNotSentTwice) {
  ScriptedService s(world, ip(1), {kOk, kReset, kOk});
  EXPECT_EQ(ask()->status, 200);
  EXPECT_EQ(ask(Method::post, "pay")->error.code, Errc::upstream_reset);
  EXPECT_EQ(s.requests.size(), 2U);
}

// ---- time ------------------------------------------------------------------------------------------------

TEST_F(CallTest, TheTryEndsBeforeTheDeadline) {
  service.policy.timeout = 2s;
  service.policy.deadline = 30s;
  ScriptedService s(world, ip(1), {kSilence});
  Time began = world.clock().now();
  EXPECT_EQ(ask()->error.code, Errc::upstream_timeout);
  EXPECT_NEAR(static_cast<double>((world.clock().now() - began) / 1ms), 2000, 50);
  EXPECT_EQ(s.requests.size(), 1U) << "`timeout` is not retried unless `on` says so";
}

TEST_F(CallTest, TheDeadlineIsOfAllTriesTogether) {
  service.policy.timeout = 2s;
  service.policy.deadline = 3s;
  service.policy.retry.tries = 5;
  service.policy.retry.on = static_cast<std::uint8_t>(RetryOn::timeout);
  ScriptedService s(world, ip(1), {kSilence});
  Time began = world.clock().now();
  EXPECT_EQ(ask()->error.code, Errc::deadline_exceeded);
  EXPECT_NEAR(static_cast<double>((world.clock().now() - began) / 1ms), 3000, 50);
  EXPECT_EQ(s.requests.size(), 2U);
}

// ---- cancelled at every step -----------------------------------------------------------------------------

TEST_F(CallTest, CancelledAnywhereNothingIsLeft) {
  service.policy.max_in_flight = 10;
  ScriptedService s(world, ip(1),
                    {{.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n"}});
  for (Method method : {Method::get, Method::post}) {
    for (int steps = 0; steps < 60; ++steps) {
      auto a = begin(method, method == Method::post ? std::string(3000, 'x') : std::string());
      for (int i = 0; i < steps && !a->done(); ++i) world.step();
      a.reset();
      EXPECT_EQ(service.shared->in_flight.count(), 0U) << steps;
      if (auto* e = local(1)) EXPECT_EQ(e->in_flight, 0U) << steps;
      world.run_for(10ms);
    }
  }
  auto whole = ask();
  EXPECT_EQ(whole->body, "abcde");
  EXPECT_TRUE(whole->trailers);
  whole.reset();
  client.close_idle();
  world.run_for(1s);
  EXPECT_EQ(host.loop.blocks().in_use(), 0U);
  EXPECT_EQ(world.open_streams(), 0U);
}

}  // namespace
}  // namespace gatehouse::upstream
