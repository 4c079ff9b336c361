// The event loop of one thread: time, timers, input and output, mail from other threads, and the end of the
// turn.
//
// A turn: wait for events; read the clock once; resume what the events completed; fire timers; resume what
// was made ready; deliver mail; destroy what was marked. Everything else in the process that belongs to a
// loop is touched by its thread alone; `post` and `stop` may be called from any.
#pragma once

#include <atomic>
#include <coroutine>
#include <functional>
#include <mutex>
#include <vector>

#include "base/block.h"
#include "base/list.h"
#include "base/random.h"
#include "base/time.h"
#include "net/timer_wheel.h"

namespace gatehouse::net {

// Where events come from: epoll, or the simulation's network.
class Poller {
 public:
  virtual ~Poller() = default;
  // Waits until an event, a wake or `until` (kNever: no end); calls `woken` once after waiting and before it
  // dispatches anything.
  virtual void poll(Time until, class Loop& loop) = 0;
  virtual void wake() noexcept = 0;  // any thread
};

// Something that is resumed in the next part of this turn. Destroying it takes it back.
class Ready : public ListNode {
 public:
  std::coroutine_handle<> handle;
};

// Something to be destroyed at the end of the turn.
class Doomed : public ListNode {
 public:
  virtual ~Doomed() = default;
};

class Loop {
 public:
  using Mail = std::move_only_function<void()>;

  Loop(const Clock& clock, Poller& poller, std::uint64_t seed);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  Time now() const noexcept { return now_; }  // of this turn
  // When the last turn ended: for pollers, which have to wait from there.
  Time turn_ended() const noexcept { return turn_ended_; }
  WallTime wall() const noexcept { return wall_base_ + (now_ - wall_base_at_); }
  BlockPool& blocks() noexcept { return blocks_; }
  Random& random() noexcept { return random_; }
  void set_timer(Timer& timer, Time when) noexcept { timers_.set(timer, when); }

  void make_ready(Ready& r) noexcept {
    if (!r.linked()) ready_.push_back(r);
  }
  void destroy_later(Doomed* d) noexcept { doomed_.push_back(*d); }  // takes ownership

  void run();  // turns until `stop`
  // One turn that waits at most until `until`; false once stopped.
  bool turn(Time until = kNever);
  void stop() noexcept;   // any thread
  void post(Mail mail);   // any thread: runs on this loop's thread, in order
  void woken() noexcept;  // for pollers: waiting is over; reads the clock

  // For a scheduler that is not the loop's own thread of control (the simulation).
  Time next_timer() const noexcept {
    return timers_.next();
  }  // no timer fires before it; kNever: none is set
  bool has_work() const noexcept {  // a turn would not wait
    return !ready_.empty() || !doomed_.empty() || has_mail_.load(std::memory_order_acquire);
  }

  // From the end of waiting to the end of the turn, since the last call: how late an event may have been
  // served. Any thread; relaxed, for it guards nothing. A call in the moment in which a turn ends may miss
  // it.
  Duration longest_turn() noexcept { return Duration(longest_turn_.exchange(0, std::memory_order_relaxed)); }

 private:
  void deliver_mail();
  void reap() noexcept;

  const Clock& clock_;
  Poller& poller_;
  Time now_;
  WallTime wall_base_;
  Time wall_base_at_;
  BlockPool blocks_;
  Random random_;
  TimerWheel timers_;
  List<Ready> ready_;
  List<Doomed> doomed_;
  Time turn_ended_;
  std::atomic<Duration::rep> longest_turn_ = 0;  // ns; only this loop raises it
  std::atomic<bool> stop_ = false;
  std::atomic<bool> has_mail_ = false;  // hint that spares the lock; set under it
  std::mutex mail_lock_;
  std::vector<Mail> mail_;  // guarded by mail_lock_
};

// `co_await sleep_until(loop, t)`
class SleepAwaitable {
 public:
  SleepAwaitable(Loop& loop, Time when) noexcept : loop_(loop), when_(when), timer_(&fire, this) {}
  bool await_ready() const noexcept { return when_ <= loop_.now(); }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    handle_ = h;
    loop_.set_timer(timer_, when_);
  }
  void await_resume() const noexcept {}

 private:
  static void fire(void* self) noexcept { static_cast<SleepAwaitable*>(self)->handle_.resume(); }
  Loop& loop_;
  Time when_;
  Timer timer_;
  std::coroutine_handle<> handle_;
};
[[nodiscard]] inline SleepAwaitable sleep_until(Loop& loop, Time when) noexcept { return {loop, when}; }
[[nodiscard]] inline SleepAwaitable sleep_for(Loop& loop, Duration d) noexcept {
  return {loop, after(loop.now(), d)};
}

// `co_await yield(loop)`: goes on behind what else there is to do. For whoever could go on for ever because
// its peers are always ready. What yields while events are served goes on in the same turn, behind the other
// events and the timers; what yields again has to wait for the next one.
class Yield : public Ready {
 public:
  explicit Yield(Loop& loop) noexcept : loop_(loop) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    handle = h;
    loop_.make_ready(*this);
  }
  void await_resume() const noexcept {}

 private:
  Loop& loop_;
};
[[nodiscard]] inline Yield yield(Loop& loop) noexcept { return Yield(loop); }

// How much one coroutine may do in one turn, in units of its own choice.
class TurnShare {
 public:
  explicit TurnShare(std::uint64_t limit) noexcept : limit_(limit) {}
  // Adds what was done; true if it is time to yield.
  bool spent(Time turn, std::uint64_t units = 1) noexcept {
    if (turn != turn_) {
      turn_ = turn;
      done_ = 0;
    }
    done_ += units;
    if (done_ < limit_) [[likely]]
      return false;
    done_ = 0;
    return true;
  }

 private:
  std::uint64_t limit_;
  std::uint64_t done_ = 0;
  Time turn_{};
};

// A latch that wakes all who wait, once per `notify`, through the ready list: nobody is resumed on the
// notifier's stack. One thread.
class Signal {
 public:
  class Waiter : public Ready {
   public:
    explicit Waiter(Signal& s) noexcept : signal_(s) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) noexcept {
      handle = h;
      signal_.waiters_.push_back(*this);
    }
    void await_resume() const noexcept {}

   private:
    Signal& signal_;
  };
  explicit Signal(Loop& loop) noexcept : loop_(loop) {}
  [[nodiscard]] Waiter wait() noexcept { return Waiter(*this); }
  void notify() noexcept {
    while (Waiter* w = waiters_.pop_front()) loop_.make_ready(*w);
  }
  bool waited_for() const noexcept { return !waiters_.empty(); }

 private:
  Loop& loop_;
  List<Waiter> waiters_;
};

}  // namespace gatehouse::net
