// What the ground costs: tasks, timers, turns of the loop, blocks.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "net/epoll.h"
#include "net/join.h"
#include "net/tcp.h"

namespace gatehouse::net {
namespace {

struct Fixture {
  SystemClock clock;
  EpollPoller poller;
  Loop loop{clock, poller, 1};
};

Task<int> at_once(int v) { co_return v; }

void task_that_is_ready(benchmark::State& state) {
  auto parent = [](int n) -> Task<int> {
    int sum = 0;
    for (int i = 0; i < n; ++i) sum += co_await at_once(i);
    co_return sum;
  };
  constexpr int kInner = 1000;
  while (state.KeepRunningBatch(kInner)) benchmark::DoNotOptimize(parent(kInner).take());
}
BENCHMARK(task_that_is_ready);

// A task that waits, is woken through the ready list in a turn, and resumes its parent.
void task_that_waits_for_a_turn(benchmark::State& state) {
  Fixture f;
  Signal signal(f.loop);
  auto child = [](Signal& s) -> Task<int> {
    co_await s.wait();
    co_return 1;
  };
  auto parent = [](Signal& s, auto start) -> Task<int> {
    int sum = 0;
    for (;;) sum += co_await start(s);
    co_return sum;
  };
  Task<int> t = parent(signal, child);
  for (auto _ : state) {
    signal.notify();
    f.loop.turn();
  }
}
BENCHMARK(task_that_waits_for_a_turn);

void both_that_are_ready(benchmark::State& state) {
  auto parent = [](int n) -> Task<int> {
    int sum = 0;
    for (int i = 0; i < n; ++i) sum += (co_await both(at_once(i), at_once(1))).first;
    co_return sum;
  };
  constexpr int kInner = 1000;
  while (state.KeepRunningBatch(kInner)) benchmark::DoNotOptimize(parent(kInner).take());
}
BENCHMARK(both_that_are_ready);

// As a request does: a time-out is set, and cancelled when the answer is there; `range` others are armed.
void timer_set_and_cancelled(benchmark::State& state) {
  TimerWheel wheel{Time(1h)};
  auto nothing = [](void*) noexcept {};
  std::vector<std::unique_ptr<Timer>> others;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    others.push_back(std::make_unique<Timer>(nothing, nullptr));
    wheel.set(*others.back(), Time(1h) + 1ms * (i % 60'000));
  }
  Timer timer(nothing, nullptr);
  Time when(1h + 5s);
  for (auto _ : state) {
    wheel.set(timer, when += 1us);
    timer.cancel();
  }
}
BENCHMARK(timer_set_and_cancelled)->Arg(0)->Arg(100'000);

void timer_fires(benchmark::State& state) {
  TimerWheel wheel{Time(1h)};
  int fired = 0;
  Timer timer([](void* n) noexcept { ++*static_cast<int*>(n); }, &fired);
  Time now(1h);
  for (auto _ : state) {
    wheel.set(timer, now + 1ms);
    wheel.advance(now += 1ms);
  }
  benchmark::DoNotOptimize(fired);
}
BENCHMARK(timer_fires);

// With epoll_wait, which does not wait.
void turn_with_ready(benchmark::State& state) {
  Fixture f;
  Signal signal(f.loop);
  auto waiter = [](Signal& s) -> Task<> {
    for (;;) co_await s.wait();
  };
  std::vector<Task<>> all;
  for (std::int64_t i = 0; i < state.range(0); ++i) all.push_back(waiter(signal));
  for (auto _ : state) {
    signal.notify();
    f.loop.turn();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(turn_with_ready)->Arg(1)->Arg(100);

void mail_to_itself(benchmark::State& state) {
  Fixture f;
  int delivered = 0;
  for (auto _ : state) {
    f.loop.post([&delivered] { ++delivered; });
    f.loop.turn();
  }
  benchmark::DoNotOptimize(delivered);
}
BENCHMARK(mail_to_itself);

}  // namespace
}  // namespace gatehouse::net
