#include "net/join.h"

#include <gtest/gtest.h>

#include <string>

#include "net/memory_network.h"

namespace gatehouse::net {
namespace {

// A step of a child: logs its name in capitals when it ends, in lower case when its frame goes.
struct Mark {
  Mark(std::string& log, char c) : log(log), c(c) {}
  Mark(const Mark&) = delete;
  ~Mark() { log += c; }
  std::string& log;
  char c;
};

Task<int> child(Loop& loop, Duration d, std::string& log, char name, int result) {
  Mark mark(log, name);
  if (d > Duration::zero()) co_await sleep_for(loop, d);
  log += static_cast<char>(name - 'a' + 'A');
  co_return result;
}

class Join : public testing::Test {
 protected:
  void run(const Task<>& t) {
    EXPECT_TRUE(world.run_until([&] { return t.done(); }, 60s));
  }
  MemoryWorld world{1};
  MemoryHost host{world};
  Loop& loop = host.loop;
  std::string log;
};

TEST_F(Join, BothWaitsForTheSecond) {
  std::pair<int, int> got;
  auto parent = [](Loop& l, std::string& g, std::pair<int, int>& out) -> Task<> {
    out = co_await both(child(l, 20ms, g, 'a', 1), child(l, 10ms, g, 'b', 2));
  };
  Task<> t = parent(loop, log, got);
  run(t);
  EXPECT_EQ(got, std::pair(1, 2));
  EXPECT_EQ(log.substr(0, 4), "BbAa");
}

TEST_F(Join, BothOfReadyChildrenDoesNotSuspend) {
  auto parent = [](Loop& l, std::string& g) -> Task<> {
    co_await both(child(l, 0s, g, 'a', 1), child(l, 0s, g, 'b', 2));
    co_await both(child(l, 1ms, g, 'a', 1), child(l, 0s, g, 'b', 2));
  };
  Task<> t = parent(loop, log);
  run(t);
}

TEST_F(Join, BothIsCancelledWithItsParent) {
  auto parent = [](Loop& l, std::string& g) -> Task<> {
    co_await both(child(l, 20ms, g, 'a', 1), child(l, 10ms, g, 'b', 2));
  };
  Task<> t = parent(loop, log);
  t.cancel();
  EXPECT_EQ(log, "ba") << "in the reverse order of their making";
  world.run_for(1s);
  EXPECT_EQ(log, "ba");
}

TEST_F(Join, FirstOfCancelsTheOther) {
  std::pair<std::optional<int>, std::optional<int>> got;
  auto parent = [](Loop& l, std::string& g, auto& out) -> Task<> {
    out = co_await first_of(child(l, 20ms, g, 'a', 1), child(l, 10ms, g, 'b', 2));
    g += '.';
  };
  Task<> t = parent(loop, log, got);
  run(t);
  EXPECT_EQ(log, "Bba.");
  EXPECT_FALSE(got.first);
  EXPECT_EQ(got.second, 2);
}

TEST_F(Join, FirstOfTakesBothIfBothAreReady) {
  auto parent = [](Loop& l, std::string& g) -> Task<> {
    auto [a, b] = co_await first_of(child(l, 0s, g, 'a', 1), child(l, 0s, g, 'b', 2));
    EXPECT_EQ(a, 1);
    EXPECT_EQ(b, 2);
  };
  EXPECT_TRUE(parent(loop, log).done());
}

TEST_F(Join, ADeadlineCancelsBeforeTheParentGoesOn) {
  std::optional<int> got = 7;
  auto parent = [](Loop& l, std::string& g, std::optional<int>& out) -> Task<> {
    out = co_await with_deadline(l, l.now() + 5ms, child(l, 1h, g, 'a', 1));
    g += '.';
  };
  Task<> t = parent(loop, log, got);
  run(t);
  EXPECT_FALSE(got);
  EXPECT_EQ(log, "a.");
}

TEST_F(Join, ADeadlineThatIsNotReachedLeavesTheResult) {
  std::optional<int> got;
  auto parent = [](Loop& l, std::string& g, std::optional<int>& out) -> Task<> {
    auto first = co_await with_deadline(l, l.now() + 5s, child(l, 1ms, g, 'a', 3));
    auto second = co_await with_deadline(l, l.now(), child(l, 0s, g, 'b', 4));
    out = *first + *second;
  };
  Task<> t = parent(loop, log, got);
  run(t);
  EXPECT_EQ(got, 7);
}

// A connection whose client the test plays.
class UntilClosedTest : public Join {
 protected:
  void SetUp() override {
    auto bound = *world.bind(SocketAddress::of(IpAddress::v4(1), 80));
    auto address = bound->address();
    acceptor = *host.network.accept_on(std::move(bound));
    auto dial = [](Network& n, SocketAddress to, StreamPtr& out) -> Task<> {
      out = std::move(*co_await n.connect(std::move(to), kNever));
    };
    Task<> dialling = dial(other.network, address, client);
    run(dialling);
    server = *acceptor->try_accept();
  }
  static Task<> guard(Stream& s, bool on_fin, Loop& l, std::string& g, std::optional<bool>& ended) {
    auto work = [](Loop& l2, std::string& g2) -> Task<> { co_await child(l2, 100ms, g2, 'w', 0); };
    ended = co_await until_closed(s, on_fin, work(l, g));
    g += '.';
  }
  MemoryHost other{world};
  std::unique_ptr<Acceptor> acceptor;
  StreamPtr client, server;
  std::optional<bool> ended;
};

TEST_F(UntilClosedTest, EndsWithItsTask) {
  Task<> t = guard(*server, true, loop, log, ended);
  run(t);
  EXPECT_EQ(ended, true);
  EXPECT_EQ(log, "Ww.");
  client.reset();
  world.run_for(1s);
}

TEST_F(UntilClosedTest, CancelsTheTaskThenGoesOn) {
  Task<> t = guard(*server, true, loop, log, ended);
  client.reset();
  run(t);
  EXPECT_EQ(ended, false);
  EXPECT_EQ(log, "w.");
}

TEST_F(UntilClosedTest, AHalfClosedClientMayWait) {
  Task<> t = guard(*server, false, loop, log, ended);
  client->shutdown_send();
  run(t);
  EXPECT_EQ(ended, true);
}

TEST_F(UntilClosedTest, AResetCountsEvenIfEndsDoNot) {
  Task<> t = guard(*server, false, loop, log, ended);
  client->reset_on_close();
  client.reset();
  run(t);
  EXPECT_EQ(ended, false);
}

TEST_F(UntilClosedTest, WhatWasKnownBeforeCounts) {
  client->reset_on_close();
  client.reset();
  world.run_for(10ms);
  Task<> t = guard(*server, false, loop, log, ended);
  ASSERT_TRUE(t.done()) << "the reset will not be announced again";
  EXPECT_EQ(ended, false);
}

TEST_F(UntilClosedTest, CancelledFromAboveItStopsWatching) {
  Task<> t = guard(*server, true, loop, log, ended);
  t.cancel();
  EXPECT_EQ(log, "w");
  client.reset();
  world.run_for(1s);
  EXPECT_FALSE(ended);
}

}  // namespace
}  // namespace gatehouse::net
