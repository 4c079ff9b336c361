// Structured children: tasks that live no longer than the coroutine that waits for them.
#pragma once

#include <optional>
#include <tuple>

#include "net/loop.h"
#include "net/stream.h"
#include "net/task.h"

namespace gatehouse::net {

// `co_await both(a, b)`: both run; the results come as a pair when the second has ended.
template <class A, class B>
class Both {
 public:
  Both(Task<A> a, Task<B> b) noexcept : a_(std::move(a)), b_(std::move(b)) {}
  bool await_ready() const noexcept { return a_.done() && b_.done(); }
  void await_suspend(std::coroutine_handle<> parent) noexcept {
    parent_ = parent;
    if (!a_.done()) ++open_, a_.on_done(&ended, this);
    if (!b_.done()) ++open_, b_.on_done(&ended, this);
  }
  std::pair<A, B> await_resume() { return {a_.take(), b_.take()}; }

 private:
  static std::coroutine_handle<> ended(void* self) noexcept {
    auto* both = static_cast<Both*>(self);
    return --both->open_ == 0 ? both->parent_ : std::noop_coroutine();
  }
  Task<A> a_;
  Task<B> b_;
  int open_ = 0;
  std::coroutine_handle<> parent_;
};
template <class A, class B>
[[nodiscard]] Both<A, B> both(Task<A> a, Task<B> b) noexcept {
  return {std::move(a), std::move(b)};
}

// `co_await first_of(a, b)`: when one ends, the other is cancelled. The one that ended has a value; if both
// ended at once, both have.
template <class A, class B>
class FirstOf {
 public:
  FirstOf(Task<A> a, Task<B> b) noexcept : a_(std::move(a)), b_(std::move(b)) {}
  bool await_ready() const noexcept { return a_.done() || b_.done(); }
  void await_suspend(std::coroutine_handle<> parent) noexcept {
    a_.on_done([](void* p) noexcept { return std::coroutine_handle<>::from_address(p); }, parent.address());
    b_.on_done([](void* p) noexcept { return std::coroutine_handle<>::from_address(p); }, parent.address());
  }
  std::pair<std::optional<A>, std::optional<B>> await_resume() {
    std::pair<std::optional<A>, std::optional<B>> r;
    if (a_.done()) r.first.emplace(a_.take());
    if (b_.done()) r.second.emplace(b_.take());
    a_.cancel();
    b_.cancel();
    return r;
  }

 private:
  Task<A> a_;
  Task<B> b_;
};
template <class A, class B>
[[nodiscard]] FirstOf<A, B> first_of(Task<A> a, Task<B> b) noexcept {
  return {std::move(a), std::move(b)};
}

// `co_await either(a, b)`: resumes when one of two tasks has ended; both stay with their owner and the other
// goes on.
template <class A, class B>
class Either {
 public:
  Either(Task<A>& a, Task<B>& b) noexcept : a_(a), b_(b) {}
  bool await_ready() const noexcept { return a_.done() || b_.done(); }
  void await_suspend(std::coroutine_handle<> parent) noexcept {
    a_.on_done([](void* p) noexcept { return std::coroutine_handle<>::from_address(p); }, parent.address());
    b_.on_done([](void* p) noexcept { return std::coroutine_handle<>::from_address(p); }, parent.address());
  }
  void await_resume() noexcept {
    a_.clear_done();
    b_.clear_done();
  }

 private:
  Task<A>& a_;
  Task<B>& b_;
};
template <class A, class B>
[[nodiscard]] Either<A, B> either(Task<A>& a, Task<B>& b) noexcept {
  return {a, b};
}

// `co_await with_deadline(loop, t, task)`: nullopt if the time came first; the task is cancelled then.
template <class T>
class WithDeadline {
 public:
  WithDeadline(Loop& loop, Time when, Task<T> task) noexcept
      : loop_(loop), when_(when), timer_(&expired, this), task_(std::move(task)) {}
  WithDeadline(const WithDeadline&) = delete;
  bool await_ready() const noexcept { return task_.done(); }
  void await_suspend(std::coroutine_handle<> parent) noexcept {
    parent_ = parent;
    task_.on_done([](void* p) noexcept { return std::coroutine_handle<>::from_address(p); },
                  parent.address());
    loop_.set_timer(timer_, when_);
  }
  std::optional<T> await_resume() {
    std::optional<T> r;
    if (task_ && task_.done()) r.emplace(task_.take());
    task_.cancel();
    return r;
  }

 private:
  static void expired(void* self) noexcept {
    auto* w = static_cast<WithDeadline*>(self);
    w->task_.cancel();
    w->parent_.resume();
  }
  Loop& loop_;
  Time when_;
  Timer timer_;
  Task<T> task_;
  std::coroutine_handle<> parent_;
};
template <class T>
[[nodiscard]] WithDeadline<T> with_deadline(Loop& loop, Time when, Task<T> task) noexcept {
  return {loop, when, std::move(task)};
}

// `co_await until_closed(stream, on_fin, task)`: true if the task ended; false if the peer went away first,
// and the task is cancelled. This is how a client's disappearance reaches everything done for it.
class UntilClosed {
 public:
  UntilClosed(Stream& stream, bool on_fin, Task<void> task) noexcept
      : stream_(stream), task_(std::move(task)) {
    op_ = {&closed, this, on_fin};
  }
  UntilClosed(const UntilClosed&) = delete;
  ~UntilClosed() {
    if (watching_) stream_.unwatch_close();
  }
  bool await_ready() const noexcept { return task_.done(); }
  bool await_suspend(std::coroutine_handle<> parent) noexcept {
    if (stream_.peer_gone() || (stream_.peer_closed() && op_.on_fin)) {
      task_.cancel();
      return false;
    }
    parent_ = parent;
    task_.on_done([](void* p) noexcept { return std::coroutine_handle<>::from_address(p); },
                  parent.address());
    stream_.watch_close(op_);
    watching_ = true;
    return true;
  }
  bool await_resume() noexcept {
    if (watching_) stream_.unwatch_close();
    watching_ = false;
    return task_ && task_.done();
  }

 private:
  static void closed(void* self) noexcept {
    auto* u = static_cast<UntilClosed*>(self);
    u->watching_ = false;
    u->task_.cancel();
    u->parent_.resume();
  }
  Stream& stream_;
  CloseOp op_;
  Task<void> task_;
  bool watching_ = false;
  std::coroutine_handle<> parent_;
};
[[nodiscard]] inline UntilClosed until_closed(Stream& stream, bool on_fin, Task<void> task) noexcept {
  return {stream, on_fin, std::move(task)};
}

}  // namespace gatehouse::net
