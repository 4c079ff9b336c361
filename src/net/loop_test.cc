#include "net/loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "net/epoll.h"
#include "net/memory_network.h"
#include "net/nursery.h"
#include "net/tcp.h"

namespace gatehouse::net {
namespace {

class LoopTest : public testing::Test {
 protected:
  MemoryWorld world{1};
  MemoryHost host{world};
  Loop& loop = host.loop;
  std::string log;
};

struct Doom : Doomed {
  explicit Doom(std::string& l) : log(l) {}
  ~Doom() override { log += 'x'; }
  std::string& log;
};

TEST_F(LoopTest, DestroysAtTheEndOfTheTurn) {
  loop.post([&] {
    loop.destroy_later(new Doom(log));
    log += 'm';
  });
  EXPECT_TRUE(world.step());
  EXPECT_EQ(log, "mx");
  EXPECT_FALSE(world.step());
}

TEST_F(LoopTest, WhatIsDoomedDiesWithTheLoop) {
  {
    MemoryHost other(world);
    other.loop.destroy_later(new Doom(log));
    other.loop.post([&log = log, held = std::make_shared<int>(1)] { log += 'm'; });
  }
  EXPECT_EQ(log, "x") << "mail is dropped";
}

TEST_F(LoopTest, MailKeepsItsOrder) {
  for (char c = 'a'; c < 'f'; ++c) loop.post([&, c] { log += c; });
  world.step();
  EXPECT_EQ(log, "abcde");
}

TEST_F(LoopTest, MailOfMailComesInTheNextTurn) {
  loop.post([&] { loop.post([&] { log += 'b'; }), log += 'a'; });
  world.step();
  EXPECT_EQ(log, "a");
  world.step();
  EXPECT_EQ(log, "ab");
}

Task<> on_signal(Signal& s, std::string& log, char name) {
  co_await s.wait();
  log += name;
}

TEST_F(LoopTest, ASignalWakesAllWhoWaitAndNobodyOnTheNotifiersStack) {
  Signal signal(loop);
  Task<> a = on_signal(signal, log, 'a');
  Task<> b = on_signal(signal, log, 'b');
  EXPECT_TRUE(signal.waited_for());
  signal.notify();
  EXPECT_EQ(log, "");
  EXPECT_FALSE(signal.waited_for());
  world.step();
  EXPECT_EQ(log, "ab");
}

TEST_F(LoopTest, ACancelledWaiterIsNotWoken) {
  Signal signal(loop);
  Task<> a = on_signal(signal, log, 'a');
  Task<> b = on_signal(signal, log, 'b');
  Task<> c = on_signal(signal, log, 'c');
  a.cancel();  // while it waits
  signal.notify();
  b.cancel();  // between the signal and its turn
  world.step();
  EXPECT_EQ(log, "c");
}

TEST_F(LoopTest, AWaiterMayCancelTheNext) {
  Signal signal(loop);
  Task<> second;
  auto first = [](Signal& s, std::string& l, Task<>& victim) -> Task<> {
    co_await s.wait();
    l += 'a';
    victim.cancel();
  };
  Task<> a = first(signal, log, second);
  second = on_signal(signal, log, 'b');
  signal.notify();
  world.step();
  EXPECT_EQ(log, "a");
}

TEST_F(LoopTest, WhatBecomesReadyInATurnWaitsForTheNext) {
  Signal signal(loop);
  auto again = [](Signal& s, std::string& l) -> Task<> {
    for (;;) {
      co_await s.wait();
      l += '.';
      if (l.size() < 3) l += '!';
    }
  };
  Task<> t = again(signal, log);
  signal.notify();
  world.step();
  EXPECT_EQ(log, ".!");
  signal.notify();
  EXPECT_TRUE(loop.has_work());
  world.step();
  EXPECT_EQ(log, ".!.");
}

TEST_F(LoopTest, SleepersWakeInTime) {
  auto nap = [](Loop& l, Duration d, std::string& g, char name) -> Task<> {
    co_await sleep_for(l, d);
    g += name;
  };
  Task<> a = nap(loop, 20ms, log, 'a');
  Task<> b = nap(loop, 10ms, log, 'b');
  Task<> c = nap(loop, Duration::max(), log, 'c');
  Task<> d = nap(loop, 15ms, log, 'd');
  d.cancel();
  EXPECT_TRUE(nap(loop, 0ms, log, 'n').done());
  world.run_for(1h);
  EXPECT_EQ(log, "nba");
}

TEST_F(LoopTest, WallTimeFollowsTheMachine) {
  auto tick = [](Loop& l) -> Task<> {
    for (;;) co_await sleep_for(l, 100ms);
  };
  Task<> t = tick(loop);
  WallTime before = loop.wall();
  world.run_for(10s);
  EXPECT_NEAR(static_cast<double>((loop.wall() - before).count()), 1e10, 2e8);
  world.clock().shift_wall(1h);
  world.run_for(2s);
  EXPECT_GT(loop.wall() - before, 1h);
}

TEST_F(LoopTest, ANurseryIsBoundedAndCleansUp) {
  Nursery nursery(loop, 2);
  auto work = [](Loop& l, Duration d, std::string& g, char name) -> Task<> {
    co_await sleep_for(l, d);
    g += name;
  };
  EXPECT_TRUE(nursery.adopt(work(loop, 0ms, log, 'r'))) << "one that has ended needs no place";
  EXPECT_TRUE(nursery.adopt(work(loop, 10ms, log, 'a')));
  EXPECT_TRUE(nursery.adopt(work(loop, 1h, log, 'b')));
  EXPECT_TRUE(nursery.full());
  EXPECT_FALSE(nursery.adopt(work(loop, 1ms, log, 'c'))) << "cancelled";
  world.run_for(1s);
  EXPECT_EQ(log, "ra");
  EXPECT_EQ(nursery.running(), 1U);
  nursery.cancel_all();
  EXPECT_EQ(nursery.running(), 0U);
  world.run_for(2h);
  EXPECT_EQ(log, "ra");
}

TEST_F(LoopTest, ANurseryMayDieBetweenTheEndOfATaskAndTheEndOfTheTurn) {
  auto nursery = std::make_unique<Nursery>(loop, 10);
  auto work = [](Loop& l, std::unique_ptr<Nursery>& n) -> Task<> {
    co_await sleep_for(l, 1ms);
    l.post([&n] { n.reset(); });  // mail comes after the timers, before the reaping
  };
  nursery->adopt(work(loop, nursery));
  world.run_for(1s);
  EXPECT_FALSE(nursery);
}

// The rest is about real threads.

TEST(LoopThread, MailFromManyThreadsArrivesInTheOrderOfEach) {
  SystemClock clock;
  EpollPoller poller;
  Loop loop(clock, poller, 1);
  constexpr int kThreads = 4;
  constexpr int kMails = 5000;
  std::vector<int> next(kThreads, 0);
  int total = 0;
  bool ordered = true;
  std::vector<std::thread> senders;
  for (std::size_t t = 0; t < kThreads; ++t) {
    senders.emplace_back([&, t] {
      for (int i = 0; i < kMails; ++i) {
        loop.post([&, t, i] {
          ordered &= next[t]++ == i;
          if (++total == kThreads * kMails) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (auto& s : senders) s.join();
  EXPECT_TRUE(ordered);
  EXPECT_EQ(total, kThreads * kMails);
}

TEST(LoopThread, StopEndsALoopThatWaits) {
  SystemClock clock;
  EpollPoller poller;
  Loop loop(clock, poller, 1);
  std::thread runner([&] { loop.run(); });
  loop.stop();
  runner.join();
}

// Two loops on two threads send a ball to and fro: a lost wake would hang here.
TEST(LoopThread, LoopsPlayBall) {
  SystemClock clock;
  EpollPoller pollers[2];
  Loop a(clock, pollers[0], 1);
  Loop b(clock, pollers[1], 2);
  int rallies = 0;
  std::function<void()> to_a;
  std::function<void()> to_b;
  to_a = [&] { b.post([&] { to_b(); }); };
  to_b = [&] {
    if (++rallies < 2000) return a.post([&] { to_a(); });
    a.stop();
    b.stop();
  };
  a.post([&] { to_a(); });
  std::thread other([&] { b.run(); });
  a.run();
  other.join();
  EXPECT_EQ(rallies, 2000);
}

TEST(LoopThread, FramesAndBlocksStayWithTheirThread) {
  auto work = [] {
    SystemClock clock;
    EpollPoller poller;
    Loop loop(clock, poller, 1);
    Nursery nursery(loop, 1000);
    int left = 200;
    auto task = [](Loop& l, int& open) -> Task<> {
      BlockRef block = l.blocks().get(BlockPool::kSmall);
      co_await sleep_for(l, Duration(1ms) * l.random().below(5));
      if (--open == 0) l.stop();
    };
    int running = left;
    for (int i = 0; i < running; ++i) nursery.adopt(task(loop, left));
    loop.run();
  };
  std::thread one(work);
  std::thread two(work);
  one.join();
  two.join();
}

// ---- late turns ------------------------------------------------------------------------------------------

class HandClock final : public Clock {
 public:
  Time now() const noexcept override { return now_; }
  WallTime wall() const noexcept override { return WallTime{}; }
  Time now_{1h};
};

// A turn that takes long shortens the wait after it: a timer that came due meanwhile is not late by as much
// again.
TEST(LoopTurn, TheWaitCountsFromItsEnd) {
  HandClock clock;
  EpollPoller poller;
  Loop loop(clock, poller, 1);
  bool fired = false;
  Timer timer([](void* f) noexcept { *static_cast<bool*>(f) = true; }, &fired);
  loop.set_timer(timer, clock.now() + 5s);
  loop.post([&] { clock.now_ += 10s; });
  Time began = SystemClock().now();
  loop.turn();
  loop.turn();
  EXPECT_TRUE(fired);
  EXPECT_LT(SystemClock().now() - began, 2s);
}

TEST(LoopTurn, TheLongestIsToldOnce) {
  HandClock clock;
  EpollPoller poller;
  Loop loop(clock, poller, 1);
  for (auto took : {3ms, 30ms, 7ms}) {
    loop.post([&] { clock.now_ += took; });
    loop.turn();
  }
  EXPECT_EQ(loop.longest_turn(), 30ms);
  EXPECT_EQ(loop.longest_turn(), 0ms);
  loop.post([&] { clock.now_ += 2ms; });
  loop.turn();
  EXPECT_EQ(loop.longest_turn(), 2ms);
}

}  // namespace
}  // namespace gatehouse::net
