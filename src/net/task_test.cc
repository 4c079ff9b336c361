#include "net/task.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gatehouse::net {
namespace {

// Suspends whoever awaits it until the test resumes them.
struct Gate {
  std::coroutine_handle<> waiter;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) noexcept { waiter = h; }
  void await_resume() const noexcept {}
  void open() { std::exchange(waiter, nullptr).resume(); }
};

struct Note {
  Note(std::string& log, char c) : log(log), c(c) {}
  Note(const Note&) = delete;
  ~Note() { log += c; }
  std::string& log;
  char c;
};

Task<int> value(int v) { co_return v; }

Task<int> wait_then(Gate& gate, int v) {
  co_await gate;
  co_return v;
}

Task<int> sum(Gate& gate) {
  int a = co_await value(1);
  int b = co_await wait_then(gate, 2);
  co_return a + b;
}

TEST(Task, StartsAtOnce) {
  Task<int> t = value(7);
  ASSERT_TRUE(t.done());
  EXPECT_EQ(t.take(), 7);
}

TEST(Task, ResumesItsAwaiter) {
  Gate gate;
  Task<int> t = sum(gate);
  EXPECT_FALSE(t.done());
  gate.open();
  ASSERT_TRUE(t.done());
  EXPECT_EQ(t.take(), 3);
}

Task<std::unique_ptr<int>> boxed(Gate& gate) {
  co_await gate;
  co_return std::make_unique<int>(4);
}

TEST(Task, CarriesWhatOnlyMoves) {
  Gate gate;
  auto outer = [](Gate& g) -> Task<std::unique_ptr<int>> { co_return co_await boxed(g); };
  Task<std::unique_ptr<int>> t = outer(gate);
  gate.open();
  EXPECT_EQ(*t.take(), 4);
}

Task<> inner(Gate& gate, std::string& log) {
  Note note(log, 'i');
  co_await gate;
  log += '!';
}

Task<> outer(Gate& gate, std::string& log) {
  Note note(log, 'o');
  co_await inner(gate, log);
  log += '?';
}

TEST(Task, DestroyingItCancelsAllBelow) {
  Gate gate;
  std::string log;
  {
    Task<> t = outer(gate, log);
  }
  EXPECT_EQ(log, "io") << "the child goes first, and nothing runs on";
}

TEST(Task, AssigningCancelsWhatWasThere) {
  Gate gate;
  Gate other;
  std::string log;
  Task<> t = outer(gate, log);
  t = inner(other, log);
  EXPECT_EQ(log, "io");
  other.open();
  EXPECT_TRUE(t.done());
  EXPECT_EQ(log, "io!i");
}

TEST(Task, ADoneHookChoosesWhoGoesOn) {
  Gate gate;
  Task<int> t = wait_then(gate, 1);
  int called = 0;
  t.on_done(
      [](void* p) noexcept -> std::coroutine_handle<> {
        ++*static_cast<int*>(p);
        return std::noop_coroutine();
      },
      &called);
  gate.open();
  EXPECT_EQ(called, 1);
}

// Every level is suspended; one resume completes all of them. Without symmetric transfer each completion
// would stand on the stack of the one before.
TEST(Task, AChainOfCompletionsNeedsNoStack) {
  struct Link {
    Task<int> task;
  };
  auto link = [](Task<int> below) -> Task<int> { co_return co_await std::move(below) + 1; };
  Gate gate;
  Task<int> chain = wait_then(gate, 0);
  for (int i = 0; i < 100'000; ++i) chain = link(std::exchange(chain, Task<int>()));
  gate.open();
  ASSERT_TRUE(chain.done());
  EXPECT_EQ(chain.take(), 100'000);
  // Destruction of what has ended is flat as well: each frame let go of its child when it went on.
}

TEST(Task, ALoopOfReadyTasksNeedsNoStack) {
  auto loop = [](int n) -> Task<int> {
    int total = 0;
    for (int i = 0; i < n; ++i) total += co_await value(1);
    co_return total;
  };
  EXPECT_EQ(loop(1'000'000).take(), 1'000'000);
}

#if !__has_feature(address_sanitizer)
TEST(FramePool, GivesFramesOfOneSizeAgain) {
  void* first = allocate_frame(200);
  free_frame(first, 200);
  void* second = allocate_frame(230);  // the same class of 64 bytes
  EXPECT_EQ(first, second);
  free_frame(second, 230);
}
#endif

TEST(FramePool, ServesEverySize) {
  std::vector<std::pair<void*, std::size_t>> held;
  for (std::size_t size = 1; size < 10'000; size += 61) {
    void* p = allocate_frame(size);
    std::fill_n(static_cast<char*>(p), size, 'x');
    held.emplace_back(p, size);
  }
  for (auto [p, size] : held) free_frame(p, size);
}

}  // namespace
}  // namespace gatehouse::net
