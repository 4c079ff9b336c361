// What takes long goes one at a time: one waiter a turn of the loop, in order, so that the rest of a turn's
// work waits for one of them at most.
#pragma once

#include <coroutine>
#include <cstdint>

#include "base/list.h"
#include "net/loop.h"
#include "net/task.h"

namespace gatehouse::net {

// Thread: its loop. Nobody may be waiting when it is destroyed.
class TurnQueue {
 public:
  explicit TurnQueue(Loop& loop) : loop_(loop), queued_(loop), giving_(give()) {}
  TurnQueue(const TurnQueue&) = delete;

  class Turn;
  [[nodiscard]] Turn next() noexcept;
  std::uint64_t given() const noexcept { return given_; }  // so far

 private:
  Task<void> give();

  Loop& loop_;
  List<Turn> waiting_;
  Signal queued_;
  std::uint64_t given_ = 0;
  Task<void> giving_;  // last: it uses the others
};

class TurnQueue::Turn : public ListNode {
 public:
  explicit Turn(TurnQueue& queue) noexcept : queue_(queue) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    handle_ = h;
    queue_.waiting_.push_back(*this);
    queue_.queued_.notify();
  }
  void await_resume() const noexcept {}

 private:
  friend class TurnQueue;
  TurnQueue& queue_;
  std::coroutine_handle<> handle_;
};

inline TurnQueue::Turn TurnQueue::next() noexcept { return Turn(*this); }

inline Task<void> TurnQueue::give() {
  for (;;) {
    while (Turn* turn = waiting_.pop_front()) {
      ++given_;
      turn->handle_.resume();
      co_await yield(loop_);
    }
    co_await queued_.wait();
  }
}

}  // namespace gatehouse::net
