// When the keeper of keys fetches: on demand, and ahead of a rotation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filters/auth/key_keeper_testing.h"

namespace gatehouse::filters {
namespace {

using ::testing::HasSubstr;
using testing::http_answer;
using testing::KeeperTest;
using testing::test_key;
using testing::test_keys;
using testing::test_set;

// ---- demand ----------------------------------------------------------------------------------------------

TEST_F(KeeperTest, DemandStartsARoundAtOnceAndThenEveryFiveSeconds) {
  KeySource s = url_source();
  apply({s});
  world.run_for(1min);
  set = test_set("ab");
  const Time began = host.loop.now();
  Waited w = wait_for_round(s);
  EXPECT_LT(w.took, 50ms);
  EXPECT_TRUE(w.good);
  EXPECT_EQ(in_force(s), "ab");
  // A flood: everybody asks all the time.
  set = test_set("a");
  issuer.answer = [this](const std::string&) { return http_answer(set); };
  std::vector<Time> starts;
  std::uint64_t started = s.ring->started();
  while (host.loop.now() < after(began, 60s)) {
    s.ring->demand();
    world.run_for(10ms);
    if (s.ring->started() != started) starts.push_back(host.loop.now());
    started = s.ring->started();
  }
  EXPECT_LE(starts.size(), 12U + 15U) << "every 5 s, beside the refresh ahead of what has changed";
}

TEST_F(KeeperTest, OneWhoAsksIsOneRound) {
  KeySource s = url_source();
  apply({s});
  world.run_for(1min);
  EXPECT_TRUE(wait_for_round(s).good);
  EXPECT_EQ(requests_in(10min), 0U) << "nobody has asked again";
}

TEST_F(KeeperTest, AFloodCostsOneFetchInFiveSeconds) {
  KeySource s = url_source();
  apply({s});
  world.run_for(1min);
  issuer.requests.clear();
  for (int i = 0; i < 6000; ++i) {
    s.ring->demand();
    world.run_for(10ms);
  }
  EXPECT_LE(issuer.requests.size(), 13U);
  EXPECT_GE(issuer.requests.size(), 12U);
  for (std::size_t i = 1; i < issuer.requests.size(); ++i)
    EXPECT_GE(issuer.requests[i].at - issuer.requests[i - 1].at, 4990ms);
}

TEST_F(KeeperTest, WhoComesDuringARoundIsServedByTheNext) {
  issuer.wait = 1s;
  KeySource s = url_source();
  apply({s});
  world.run_for(2min);
  const std::uint64_t before = s.ring->started();
  s.ring->demand();
  world.run_for(500ms);
  ASSERT_EQ(s.ring->started(), before + 1);
  Waited w = wait_for_round(s);  // this one started before
  EXPECT_TRUE(w.ended);
  EXPECT_EQ(s.ring->ended(), before + 2);
  EXPECT_GE(w.took, 5s) << "0.5 s after a start until 5 s after it, and one more for the answer";
  EXPECT_LT(w.took, 5600ms);
}

TEST_F(KeeperTest, AfterAFailedRoundTheRingIsClosedUntilTheNext) {
  KeySource s = url_source();
  apply({s});
  world.run_for(1min);
  down = true;
  const Time began = host.loop.now();
  Waited w = wait_for_round(s);
  EXPECT_TRUE(w.ended);
  EXPECT_FALSE(w.good);
  EXPECT_LT(w.took, 400ms) << "a fetch and three repeats";
  EXPECT_TRUE(s.ring->closed(host.loop.now()));
  EXPECT_TRUE(s.ring->closed(after(began, 4900ms)));
  EXPECT_FALSE(s.ring->closed(after(began, 5400ms)));
  world.run_for(5s);
  down = false;
  EXPECT_TRUE(wait_for_round(s).good);
  EXPECT_FALSE(s.ring->closed(host.loop.now()));
}

TEST_F(KeeperTest, ARoundOfTheScheduleServesDemandAndIsNotCounted) {
  KeySource s = url_source();
  issuer.wait = 10ms;
  apply({s});  // a round of the schedule starts
  world.run_for(1s);
  EXPECT_LT(wait_for_round(s).took, 100ms) << "it did not use up the five seconds";
}

TEST_F(KeeperTest, WhereAllIsKnownDemandIsAnsweredAtOnce) {
  KeySource s = url_source();
  s.jwks.reset();
  s.given = test_keys("a");
  apply({s});
  EXPECT_EQ(in_force(s), "a");
  for (int i = 0; i < 3; ++i) {
    Waited w = wait_for_round(s);
    EXPECT_TRUE(w.good);
    EXPECT_LT(w.took, 1ms);
  }
  EXPECT_TRUE(issuer.requests.empty());
}

// ---- rotation --------------------------------------------------------------------------------------------

// A key is replaced every 5 s, the old one gone at once from the set. Nobody asks.
TEST_F(KeeperTest, ARotationIsFollowedAhead) {
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  std::string letters = "abcdefghijklmnopqrstuvwxyz";
  wait_for_round(s);
  Duration worst{};
  for (std::size_t i = 1; i < letters.size(); ++i) {
    set = test_set(letters.substr(i, 1));
    const Time changed = host.loop.now();
    if (i == 1) wait_for_round(s);
    world.run_until(
        [&] {
          return s.ring->keys()->holds(test_key("", static_cast<unsigned char>(letters[i])).thumbprint());
        },
        after(changed, 5s));
    if (i > 3) worst = std::max(worst, host.loop.now() - changed);
    if (i == 20) issuer.requests.clear();
    world.run_for(after(changed, 5s) - host.loop.now());
  }
  EXPECT_LE(worst, 1300ms);
  EXPECT_LE(issuer.requests.size(), 30U) << "in 30 s";
  EXPECT_GE(issuer.requests.size(), 20U);
  EXPECT_THAT(keeper->show(), HasSubstr("\"refresh_ahead_seconds\":1."));
}

// The same with an answer that takes a second, or fails every second time; a token of the new key arrives at
// once and may wait for 8 s.
class Rotation : public KeeperTest, public ::testing::WithParamInterface<int> {};

TEST_P(Rotation, NobodyIsRefused) {
  int n = 0;
  if (GetParam() == 1) issuer.wait = 1s;
  if (GetParam() == 2)
    issuer.answer = [this, &n](const std::string&) { return ++n % 2 ? std::string() : http_answer(set); };
  KeySource s = url_source();
  apply({s});
  world.run_for(3s);
  Duration worst{};
  for (unsigned i = 0; i < 36; ++i) {
    const jose::Key key = test_key("k" + std::to_string(i), 1000 + i);
    const jose::Thumbprint thumbprint = key.thumbprint();
    set = R"({"keys":[)" + key.jwk() + "]}";
    const Time changed = host.loop.now();
    // Tokens of the new key, and a flood of unknown ones.
    while (host.loop.now() < after(changed, 5s)) {
      if (!s.ring->keys()->holds(thumbprint)) worst = std::max(worst, host.loop.now() - changed);
      if (s.ring->closed(host.loop.now())) ADD_FAILURE() << "closed";
      s.ring->demand();
      world.run_for(50ms);
    }
    if (i > 0)
      EXPECT_TRUE(s.ring->keys()->holds(test_key("", 999 + i).thumbprint()))
          << "the previous one is still good";
  }
  EXPECT_LT(worst, GetParam() == 1 ? 5s : 2s);
}

INSTANTIATE_TEST_SUITE_P(All, Rotation, ::testing::Values(0, 1, 2));

}  // namespace
}  // namespace gatehouse::filters
