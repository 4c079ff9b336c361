#include "filters/auth/key_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "filters/auth/key_book.h"
#include "filters/auth/key_keeper_testing.h"
#include "filters/auth/key_schedule.h"

namespace gatehouse::filters {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::http_answer;
using testing::KeeperTest;
using ::testing::Not;
using testing::test_keys;
using testing::test_set;

// ---- fetching --------------------------------------------------------------------------------------------

TEST_F(KeeperTest, FetchesPublishesAndKeeps) {
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  EXPECT_EQ(in_force(s), "a");
  EXPECT_EQ(s.ring->started(), 1U);
  EXPECT_EQ(s.ring->last_good(), 1U);
  EXPECT_EQ(issuer.requests.size(), 1U);
  EXPECT_THAT(files[key_file_name("http://127.0.0.1")], HasSubstr("\"jwk\""));
  EXPECT_THAT(log, ElementsAre("keys of issuer main: in force are a"));
}

TEST_F(KeeperTest, RefreshesBeforeTheEndOfTheTtlAndNotMore) {
  fields = "Cache-Control: max-age=600\r\n";
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  EXPECT_EQ(requests_in(448s), 0U) << "75 % of 600 s";
  EXPECT_EQ(requests_in(92s), 1U) << "90 %";
  const auto generation = s.ring->generation();
  EXPECT_EQ(requests_in(1h), 7U) << "at 7 minutes and more";
  EXPECT_EQ(s.ring->generation(), generation) << "nothing has changed";
}

TEST_F(KeeperTest, AFailedFetchIsRepeatedThreeTimesAsOneRound) {
  down = true;
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  EXPECT_EQ(s.ring->ended(), 1U);
  EXPECT_EQ(s.ring->last_good(), 0U);
  ASSERT_EQ(issuer.requests.size(), 4U);
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_GE(issuer.requests[i].at - issuer.requests[i - 1].at, 100ms);
    EXPECT_LT(issuer.requests[i].at - issuer.requests[i - 1].at, 110ms);
  }
}

TEST_F(KeeperTest, ARepeatThatIsGoodMakesTheRoundGood) {
  issuer.answer = [this](const std::string&) {
    return issuer.requests.size() % 2 == 1 ? std::string() : http_answer(set);
  };
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  EXPECT_EQ(s.ring->last_good(), 1U);
  EXPECT_EQ(in_force(s), "a");
  EXPECT_THAT(log, ElementsAre("keys of issuer main: in force are a"));
}

TEST_F(KeeperTest, GoesOnTryingRarerAndRarerWithTheLastGoodKeys) {
  fields = "Cache-Control: max-age=60\r\n";
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  down = true;
  issuer.requests.clear();
  world.run_for(63s);
  ASSERT_GE(issuer.requests.size(), 8U) << "a round before the minute is over, another 5 s later";
  EXPECT_GE(issuer.requests[4].at - issuer.requests[3].at, 5s);
  EXPECT_LT(issuer.requests[4].at - issuer.requests[3].at, 5100ms);
  requests_in(5min);
  const std::size_t requests = requests_in(10min);
  EXPECT_LE(requests, 40U) << "a round a minute";
  EXPECT_GE(requests, 36U);
  EXPECT_EQ(in_force(s), "a");
  EXPECT_EQ(std::ranges::count_if(log, [](auto& l) { return l.contains("could not be fetched"); }), 1);
  EXPECT_TRUE(
      logged("could not be fetched: the key set could not be had: the connection was reset before the "
             "response; the last good ones, "));
  set = http_answer("oops");
  down = false;
  issuer.answer = [](const std::string&) { return http_answer("oops"); };
  world.run_for(2min);
  EXPECT_TRUE(logged("is not accepted")) << "another kind of failure is said, too";
  EXPECT_THAT(keeper->show(), HasSubstr(R"("state":"stale")"));
  issuer.answer = [](const std::string&) { return http_answer(test_set("a")); };
  world.run_for(2min);
  EXPECT_TRUE(logged("they are fetched again"));
  EXPECT_THAT(keeper->show(), HasSubstr(R"("state":"fresh")"));
}

TEST_F(KeeperTest, WhateverAnIssuerSaysTheLastGoodKeysStay) {
  fields = "Cache-Control: max-age=60\r\n";
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  for (std::string bad :
       {http_answer("{\"keys\":[]}"), http_answer(""), http_answer(std::string(300'000, ' ')),
        http_answer("{}", "", 500), http_answer(test_set("z"), "Content-Encoding: gzip\r\n")}) {
    issuer.answer = [&](const std::string&) { return bad; };
    world.run_for(2min);
    EXPECT_EQ(in_force(s), "a");
  }
  issuer.answer = [&](const std::string&) { return http_answer(test_set("a")); };
  issuer.wait = 1h;
  world.run_for(5min);
  EXPECT_EQ(in_force(s), "a");
}

TEST_F(KeeperTest, MissingKeysStayForAWhile) {
  fields = "Cache-Control: max-age=60\r\n";
  KeySource s = url_source();
  set = test_set("ab");
  apply({s});
  world.run_for(1s);
  set = test_set("bc");
  world.run_for(1min);
  EXPECT_EQ(in_force(s), "bca");
  EXPECT_TRUE(logged("added c; no longer in the set: a"));
  world.run_for(10min);
  EXPECT_EQ(in_force(s), "bc");
  EXPECT_TRUE(logged("no longer in use: a"));
}

// ---- restarts and reloads --------------------------------------------------------------------------------

TEST_F(KeeperTest, ARestartWithoutTheIssuerServesAtOnce) {
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  down = true;
  start();
  KeySource again = url_source();
  apply({again});
  EXPECT_EQ(in_force(again), "a") << "before any answer";
  world.run_for(10min);
  EXPECT_EQ(in_force(again), "a");
  EXPECT_TRUE(logged("1 that were kept are in force until they are fetched"));
  EXPECT_THAT(keeper->show(), HasSubstr(R"("state":"stale","age_seconds":60)"));
  down = false;
  set = test_set("b");
  world.run_for(2min);
  EXPECT_EQ(in_force(again), "ba");
}

TEST_F(KeeperTest, RemovedKeysGoInTheirTimeAlsoOverARestart) {
  fields = "Cache-Control: max-age=60\r\n";
  KeySource s = url_source();
  set = test_set("ab");
  apply({s});
  world.run_for(1s);
  set = test_set("b");
  world.run_for(1min);
  down = true;
  start();
  KeySource again = url_source();
  apply({again});
  EXPECT_EQ(in_force(again), "ba");
  world.run_for(10min);
  EXPECT_EQ(in_force(again), "b");
}

TEST_F(KeeperTest, ATornFileIsSaidAndIgnored) {
  files[key_file_name("http://127.0.0.1")] = "{\"source\":";
  KeySource s = url_source();
  apply({s});
  EXPECT_EQ(in_force(s), "");
  EXPECT_THAT(log,
              ElementsAre("keys of issuer main: what was kept of them is ignored: it is not a JSON object"));
  world.run_for(1s);
  EXPECT_EQ(in_force(s), "a");
}

TEST_F(KeeperTest, AReloadDisturbsNothing) {
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  issuer.requests.clear();
  const auto generation = s.ring->generation();
  for (int i = 0; i < 10; ++i) {
    apply({s});
    world.run_for(1s);
  }
  EXPECT_TRUE(issuer.requests.empty());
  EXPECT_EQ(s.ring->generation(), generation);
  EXPECT_LT(wait_for_round(s).took, 50ms) << "demand still arrives";
}

TEST_F(KeeperTest, WhatIsGoneFromTheConfigurationEnds) {
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  apply({});
  EXPECT_EQ(requests_in(3h), 0U);
  s.ring->demand();
  EXPECT_EQ(requests_in(1min), 0U);
  EXPECT_EQ(keeper->show(), "{\"issuers\":[]}\n");
  // And comes back from the disk.
  down = true;
  KeySource again = url_source();
  apply({again});
  EXPECT_EQ(in_force(again), "a");
}

TEST_F(KeeperTest, KeysOfOneSourceAreNeverAnothers) {
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  down = true;
  KeySource other = url_source();
  other.jwks->target = "/other";
  apply({other});
  EXPECT_EQ(in_force(other), "");
  EXPECT_NE(s.identity(), other.identity());
}

TEST_F(KeeperTest, SeveralIssuersAreApart) {
  KeySource a = url_source("a");
  KeySource b = url_source("b");
  b.issuer = "http://127.0.0.1/b";
  b.jwks->target = "/b";
  issuer.answer = [](const std::string& target) {
    return target == "/b" ? std::string() : http_answer(test_set("a"));
  };
  apply({a, b});
  world.run_for(1s);
  EXPECT_EQ(in_force(a), "a");
  EXPECT_EQ(in_force(b), "");
  EXPECT_FALSE(a.ring->closed(host.loop.now()));
  EXPECT_TRUE(b.ring->closed(host.loop.now()));
  std::vector<gateway::Measurement> values;
  keeper->measure(values);
  std::set<std::string> seen;
  for (const auto& m : values) {
    ASSERT_LT(m.family, kKeyMetrics.size());
    std::string text(kKeyMetrics[m.family].name);
    for (const auto& [name, value] : m.labels) text += " " + value;
    seen.insert(text + " " + std::to_string(static_cast<int>(m.value)));
  }
  EXPECT_TRUE(seen.contains("gatehouse_issuer_keys a 1"));
  EXPECT_TRUE(seen.contains("gatehouse_issuer_keys b 0"));
  EXPECT_TRUE(seen.contains("gatehouse_issuer_fetches a ok 1"));
  EXPECT_TRUE(seen.contains("gatehouse_issuer_fetches b failed 4"));
  EXPECT_TRUE(seen.contains("gatehouse_issuer_keys_age_seconds a 0"));
}

TEST_F(KeeperTest, AFileIsPublishedAtOnceAndItsOldKeysStayForAWhile) {
  KeySource s = url_source();
  s.jwks.reset();
  s.given = test_keys("ab");
  apply({s});
  EXPECT_EQ(in_force(s), "ab");
  s.given = test_keys("bc");
  apply({s});
  EXPECT_EQ(in_force(s), "bca");
  world.run_for(11min);
  EXPECT_EQ(in_force(s), "bc");
}

TEST_F(KeeperTest, ASecretIsReplacedAtOnceAndLeavesNoTrace) {
  KeySource s = url_source();
  s.jwks.reset();
  s.secret = true;
  s.given = {*jose::Key::from_secret(std::string(64, 'x'))};
  const std::string first = thumbprint_text(s.given[0]);
  apply({s});
  EXPECT_EQ(s.ring->keys()->keys.size(), 1U);
  s.given = {*jose::Key::from_secret(std::string(64, 'y'))};
  apply({s});
  ASSERT_EQ(s.ring->keys()->keys.size(), 1U);
  EXPECT_TRUE(s.ring->keys()->holds(s.given[0].thumbprint()));
  EXPECT_TRUE(files.empty());
  EXPECT_THAT(keeper->show(), Not(HasSubstr(thumbprint_text(s.given[0]))));
  for (const std::string& line : log) EXPECT_THAT(line, Not(HasSubstr(first)));
  EXPECT_FALSE(command("revoke", "main", thumbprint_text(s.given[0])));
}

// ---- the disk --------------------------------------------------------------------------------------------

TEST_F(KeeperTest, WritesWhatHasChangedAndTheLatestWins) {
  KeySource s = url_source();
  set = test_set("ab");
  apply({s});
  world.run_for(1s);
  EXPECT_EQ(writes, 1);
  wait_for_round(s);
  EXPECT_EQ(writes, 1) << "nothing has changed";
  disk_wait = 1min;
  writes = 0;
  const auto run = [](gateway::BackgroundTask& t, std::string verb) -> net::Task<void> {
    (void)co_await t.command(
        {.verb = std::move(verb), .arguments = {{"issuer", "main"}, {"kid", "a"}}, .who = "x"});
  };
  std::vector<net::Task<void>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(run(*keeper, i % 2 ? "unrevoke" : "revoke"));
  world.run_for(5min);
  for (auto& t : tasks) EXPECT_TRUE(t.done());
  EXPECT_EQ(writes, 2);
  EXPECT_THAT(files[key_file_name("http://127.0.0.1")], HasSubstr("\"by\":\"x\""));
}

TEST(KeyFileName, IsSafe) {
  EXPECT_EQ(key_file_name("main"), "keys-main.json");
  const std::string odd = key_file_name("../../etc/passwd");
  EXPECT_EQ(odd.find('/'), std::string::npos);
  EXPECT_NE(key_file_name("a.b"), key_file_name("a_b"));
  EXPECT_LT(key_file_name(std::string(1000, 'x')).size(), 120U);
}

}  // namespace
}  // namespace gatehouse::filters
