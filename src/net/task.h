// Task: a coroutine that its holder owns.
//
// It starts at once and runs until it has to wait; a task that finished at once costs its awaiter no
// suspension. Destroying a Task destroys its frame and with it every child it is waiting for: that is
// cancellation, synchronous and noexcept. A task is destroyed by its owner only, never from its own stack.
// One thread. Exceptions do not leave a coroutine: one that would ends the process.
#pragma once

#include <cassert>
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "net/frame_pool.h"

namespace gatehouse::net {

template <class T = void>
class Task;

namespace detail {

struct PromiseBase {
  // What to run when the task ends: returns the coroutine to go on with. Set by whoever waits.
  using DoneHook = std::coroutine_handle<> (*)(void*) noexcept;
  DoneHook done_hook = nullptr;
  void* done_argument = nullptr;

  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

  struct Final {
    bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> h) const noexcept {
      PromiseBase& p = h.promise();
      return p.done_hook ? p.done_hook(p.done_argument) : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };
  std::suspend_never initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object() noexcept;
  template <class U = T>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
  T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() noexcept = default;
  explicit Task(Handle h) noexcept : handle_(h) {}
  Task(Task&& o) noexcept : handle_(std::exchange(o.handle_, nullptr)) {}
  Task& operator=(Task&& o) noexcept {
    if (this != &o) {
      cancel();
      handle_ = std::exchange(o.handle_, nullptr);
    }
    return *this;
  }
  ~Task() { cancel(); }

  explicit operator bool() const noexcept { return static_cast<bool>(handle_); }
  bool done() const noexcept { return handle_.done(); }
  void cancel() noexcept {
    if (auto h = std::exchange(handle_, nullptr)) h.destroy();
  }
  // The result of a finished task.
  T take() {
    assert(done());
    return handle_.promise().take();
  }
  // Called once when the task ends, which must not be yet.
  void on_done(detail::PromiseBase::DoneHook hook, void* argument) noexcept {
    assert(!done());
    handle_.promise().done_hook = hook;
    handle_.promise().done_argument = argument;
  }

  void clear_done() noexcept { handle_.promise().done_hook = nullptr; }

  auto operator co_await() && noexcept {
    struct Awaiter {
      Task task;
      bool await_ready() const noexcept { return task.done(); }
      void await_suspend(std::coroutine_handle<> parent) noexcept {
        task.on_done([](void* p) noexcept { return std::coroutine_handle<>::from_address(p); },
                     parent.address());
      }
      T await_resume() { return task.take(); }
    };
    return Awaiter{std::move(*this)};
  }

 private:
  Handle handle_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() noexcept {
  return Task<T>(Task<T>::Handle::from_promise(*this));
}
inline Task<void> detail::Promise<void>::get_return_object() noexcept {
  return Task<void>(Task<void>::Handle::from_promise(*this));
}

}  // namespace gatehouse::net
