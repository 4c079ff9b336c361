// Keys that are never to be believed again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filters/auth/key_book.h"
#include "filters/auth/key_keeper_testing.h"
#include "filters/auth/key_schedule.h"

namespace gatehouse::filters {
namespace {

using ::testing::HasSubstr;
using testing::KeeperTest;
using testing::test_key;
using testing::test_set;

// ---- revocation ------------------------------------------------------------------------------------------

TEST_F(KeeperTest, ARevokedKeyIsGoneAtOnceAndForEver) {
  set = test_set("ab");
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  disk_wait = 50ms;
  const auto generation = s.ring->generation();
  bool woken = false;
  SharedKeyRing::Listening listening(s.ring, [&] { woken = true; });
  auto done = command("revoke", "main", "a");
  ASSERT_TRUE(done) << done.error();
  EXPECT_EQ(*done, "{\"message\":\"key `a` of issuer main is revoked\"}\n");
  EXPECT_EQ(in_force(s), "b");
  EXPECT_GT(s.ring->generation(), generation);
  EXPECT_TRUE(woken);
  EXPECT_THAT(files[key_file_name("http://127.0.0.1")], HasSubstr("\"by\":\"ann\""))
      << "before it was answered";
  EXPECT_TRUE(logged("`a` was revoked by ann"));
  wait_for_round(s);
  EXPECT_EQ(in_force(s), "b");
  start();
  KeySource again = url_source();
  apply({again});
  world.run_for(1s);
  EXPECT_EQ(in_force(again), "b");
  EXPECT_THAT(keeper->show(), HasSubstr(R"("by":"ann")"));
  ASSERT_TRUE(command("unrevoke", "main", "a"));
  EXPECT_EQ(in_force(again), "ab");
  EXPECT_THAT(files[key_file_name("http://127.0.0.1")], HasSubstr("\"revoked\":[]"));
}

TEST_F(KeeperTest, ARevocationIsInForceBeforeTheDiskHasIt) {
  set = test_set("ab");
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  disk_wait = 10s;
  auto run = [](gateway::BackgroundTask& t) -> net::Task<void> {
    (void)co_await t.command(
        {.verb = "revoke", .arguments = {{"issuer", "main"}, {"kid", "a"}}, .who = "ann"});
  };
  auto t = run(*keeper);
  EXPECT_EQ(in_force(s), "b");
  EXPECT_FALSE(t.done());
  // The schedule ends while it is written.
  apply({});
  world.run_for(11s);
  EXPECT_TRUE(t.done());
}

TEST_F(KeeperTest, ARevocationThatCannotBeKeptIsNoSuccess) {
  set = test_set("ab");
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  disk_full = true;
  auto done = command("revoke", "main", "a");
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error(), HasSubstr("could not be kept on disk"));
  EXPECT_EQ(in_force(s), "b");
}

TEST_F(KeeperTest, MistakesAreAnsweredWithWhatThereIs) {
  set = test_set("ab");
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  EXPECT_EQ(command("revoke", "main", "x").error(), "issuer main has no key `x`: it has `a`, `b`");
  EXPECT_EQ(command("revoke", "other", "a").error(), "there is no issuer `other`: there is `main`");
  EXPECT_EQ(command("revoke", "", "a").error(), "revoke needs `issuer` and `kid`");
  EXPECT_EQ(command("unrevoke", "main", "a").error(), "issuer main has no revoked key `a`");
  EXPECT_EQ(command("dance", "main", "a").error(), "keys know no command `dance`");
  EXPECT_TRUE(command("revoke", "http://127.0.0.1", "a")) << "by its URL";
  EXPECT_TRUE(command("revoke", "main", "a")) << "again";
}

TEST_F(KeeperTest, TheConfigurationRevokes) {
  set = test_set("ab");
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  s.revoked = {thumbprint_text(test_key("a", 'a'))};
  apply({s});
  EXPECT_EQ(in_force(s), "b");
  EXPECT_THAT(command("unrevoke", "main", "a").error(), HasSubstr("by the configuration"));
  s.revoked.clear();
  apply({s});
  EXPECT_EQ(in_force(s), "ab");
}

TEST_F(KeeperTest, ARevocationOutlivesAnotherSourceOfTheIssuer) {
  set = test_set("ab");
  KeySource s = url_source();
  apply({s});
  world.run_for(1s);
  disk_full = true;  // in memory, then
  (void)command("revoke", "main", "a");
  KeySource moved = url_source("renamed");
  moved.jwks->target = "/moved";
  apply({moved});
  world.run_for(1s);
  EXPECT_EQ(in_force(moved), "b");
}

}  // namespace
}  // namespace gatehouse::filters
