#include "control/heartbeat.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "control/worker_thread.h"
#include "net/epoll.h"
#include "net/memory_network.h"
#include "net/tcp.h"

namespace gatehouse::control {
namespace {

TEST(Watchdog, IsWhatTheEnvironmentSaysToThisProcess) {
  EXPECT_EQ(watchdog_of("30000000", std::nullopt, 7), 30s);
  EXPECT_EQ(watchdog_of("30000000", "7", 7), 30s);
  EXPECT_EQ(watchdog_of("1", "7", 7), std::chrono::microseconds(1));
  EXPECT_EQ(watchdog_of("30000000", "8", 7), std::nullopt) << "meant for another process";
  EXPECT_EQ(watchdog_of("30000000", "", 7), std::nullopt);
  EXPECT_EQ(watchdog_of(std::nullopt, "7", 7), std::nullopt);
  for (const char* wrong : {"", "0", "-1", " 1", "1s", "99999999999999999999", "18446744073709551615"})
    EXPECT_EQ(watchdog_of(wrong, std::nullopt, 7), std::nullopt) << wrong;
}

// Loops whose turns the test makes: one that gets none is stuck.
class HeartbeatTest : public ::testing::Test {
 protected:
  class HandPoller final : public net::Poller {
   public:
    void poll(Time, net::Loop& loop) override { loop.woken(); }
    void wake() noexcept override {}
  };
  struct Host {
    explicit Host(const Clock& clock) : loop(clock, poller, 1) {}
    HandPoller poller;
    net::Loop loop;
  };
  static constexpr Duration kEvery = 10s;

  void start() {
    heartbeat.emplace(control.loop, std::vector{&one.loop, &two.loop}, kEvery, [this] { ++beats; });
  }
  // Time passes, and who is not stuck turns often enough.
  void pass(Duration d, bool two_turns = true, bool control_turns = true) {
    clock.advance_to(after(clock.now(), d));
    for (int i = 0; i < 10; ++i) {
      if (control_turns) control.loop.turn();
      one.loop.turn();
      if (two_turns) two.loop.turn();
    }
  }

  net::SimClock clock;
  Host control{clock};
  Host one{clock};
  Host two{clock};
  int beats = 0;
  std::optional<Heartbeat> heartbeat;
};

TEST_F(HeartbeatTest, BeatsAtOnceAndThenAsOftenAsItIsTold) {
  start();
  EXPECT_EQ(beats, 0) << "nobody has turned yet";
  pass(0s);
  EXPECT_EQ(beats, 1);
  pass(kEvery - 1ms);
  EXPECT_EQ(beats, 1);
  for (int i = 0; i < 5; ++i) {
    pass(i == 0 ? 1ms : kEvery);
    EXPECT_EQ(beats, 2 + i);
  }
}

TEST_F(HeartbeatTest, OneStuckWorkerEndsItUntilItTurnsAgain) {
  start();
  pass(0s);
  pass(kEvery);
  EXPECT_EQ(beats, 2);
  for (int i = 0; i < 100; ++i) pass(kEvery, false);
  EXPECT_EQ(beats, 2) << "the other worker and control turn, and that is not enough";
  pass(0s);
  EXPECT_EQ(beats, 4) << "the letter that it owed, and one more, for the last is long ago";
  pass(kEvery);
  EXPECT_EQ(beats, 5);
}

TEST_F(HeartbeatTest, AStuckLoopOfItsOwnEndsIt) {
  start();
  pass(0s);
  for (int i = 0; i < 10; ++i) pass(kEvery, true, false);
  EXPECT_EQ(beats, 1);
  pass(0s);
  EXPECT_GE(beats, 2);
}

TEST_F(HeartbeatTest, LettersUnderWayFindNobodyWhenItIsGone) {
  start();
  one.loop.turn();
  heartbeat.reset();
  pass(kEvery);
  EXPECT_EQ(beats, 0);
}

// With threads, for ThreadSanitizer: a real worker that sleeps in its loop.
TEST(HeartbeatThreads, AWorkerThatSleepsInATurnIsMissed) {
  struct NullSink final : gateway::RecordSink {
    void record(const gateway::RequestRecord&) noexcept override {}
  } sink;
  net::SystemClock clock;
  net::EpollPoller poller;
  net::Loop loop(clock, poller, 1);
  std::vector<std::unique_ptr<WorkerThread>> threads;
  threads.reserve(2);
  for (std::uint64_t i = 0; i < 2; ++i)
    threads.push_back(std::make_unique<WorkerThread>(sink, gateway::Worker::Options{}, i));
  int beats = 0;
  Heartbeat heartbeat(loop, {&threads[0]->worker().loop(), &threads[1]->worker().loop()}, 1ms,
                      [&beats] { ++beats; });
  while (beats < 20) loop.turn();
  std::atomic<bool> stuck = false;
  std::atomic<bool> free = false;
  threads[1]->worker().loop().post([&] {
    stuck = true;
    free.wait(false);
  });
  while (!stuck) loop.turn(after(clock.now(), 1ms));
  for (int i = 0; i < 10; ++i) loop.turn(after(clock.now(), 1ms));
  const int before = beats;  // what was under way has arrived
  for (const Time end = after(clock.now(), 50ms); clock.now() < end;) loop.turn(after(clock.now(), 1ms));
  EXPECT_EQ(beats, before);
  free = true;
  free.notify_all();
  while (beats < before + 20) loop.turn();
}

}  // namespace
}  // namespace gatehouse::control
