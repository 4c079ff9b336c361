// Work that blocks or takes long (files, compiling a configuration) runs off the loops.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "net/loop.h"
#include "net/task.h"

namespace gatehouse::control {

// Runs jobs one at a time and in order: what only jobs touch (the registry, while a snapshot is compiled)
// needs no lock.
class Offload {
 public:
  using Job = std::move_only_function<void()>;
  virtual ~Offload() = default;
  // Runs `job`, then `done` on the loop that belongs to this offload.
  virtual void start(Job job, Job done) = 0;
};

// On the spot: for the simulation and for tests, which have one thread.
class InlineOffload final : public Offload {
 public:
  explicit InlineOffload(net::Loop& loop) noexcept : loop_(loop) {}
  void start(Job job, Job done) override {
    job();
    loop_.post(std::move(done));
  }

 private:
  net::Loop& loop_;
};

// A thread of its own. Destroying it waits for the job under way and drops the rest.
class ThreadOffload final : public Offload {
 public:
  explicit ThreadOffload(net::Loop& loop);
  ThreadOffload(const ThreadOffload&) = delete;
  ~ThreadOffload() override;
  void start(Job job, Job done) override;

 private:
  struct Entry {
    Job job;
    Job done;
  };
  void run();

  net::Loop& loop_;
  std::mutex lock_;
  std::condition_variable changed_;
  std::vector<Entry> queue_;  // guarded by lock_
  bool stop_ = false;         // guarded by lock_
  std::thread thread_;
};

// `co_await offload(where, loop, f)`: the result of f(), which runs elsewhere. If the waiter is cancelled, f
// still runs to its end; so it owns what it uses, or that outlives the Offload.
template <class F, class T = std::invoke_result_t<F&>>
net::Task<T> offload(Offload& where, net::Loop& loop, F f) {
  struct State {
    explicit State(net::Loop& l, F fn) : f(std::move(fn)), done(l) {}
    F f;
    std::optional<T> result;
    bool finished = false;
    net::Signal done;
  };
  auto state = std::make_shared<State>(loop, std::move(f));
  where.start([state] { state->result.emplace(state->f()); },
              [state] {
                state->finished = true;
                state->done.notify();
              });
  while (!state->finished) co_await state->done.wait();
  co_return std::move(*state->result);
}

}  // namespace gatehouse::control
