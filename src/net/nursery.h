// Work that must outlive whoever started it: bounded, owned, destroyed at the end of a turn.
#pragma once

#include <cstddef>

#include "net/loop.h"
#include "net/task.h"

namespace gatehouse::net {

// One thread. Destroying the nursery cancels all that is still running in it.
class Nursery {
 public:
  Nursery(Loop& loop, std::size_t limit) noexcept : loop_(loop), limit_(limit) {}
  Nursery(const Nursery&) = delete;
  Nursery& operator=(const Nursery&) = delete;
  ~Nursery() { cancel_all(); }

  bool full() const noexcept { return running_ >= limit_; }
  std::size_t running() const noexcept { return running_; }

  // Takes a task that has started. Ask `full` before starting one: beyond the limit it is cancelled, and
  // false.
  bool adopt(Task<void> task) {
    if (task.done()) return true;
    if (full()) return false;
    auto* e = new Entry(*this, std::move(task));
    entries_.push_back(*e);
    ++running_;
    e->task.on_done(&Entry::done, e);
    return true;
  }

  void cancel_all() noexcept {
    while (Entry* e = entries_.pop_front()) {
      --running_;
      delete e;
    }
  }

 private:
  struct Entry : Doomed {
    Entry(Nursery& n, Task<void> t) noexcept : nursery(n), task(std::move(t)) {}
    static std::coroutine_handle<> done(void* self) noexcept {
      auto* e = static_cast<Entry*>(self);
      e->unlink();
      --e->nursery.running_;
      e->nursery.loop_.destroy_later(e);  // its frame is still on the stack
      return std::noop_coroutine();
    }
    Nursery& nursery;
    Task<void> task;
  };

  Loop& loop_;
  std::size_t limit_;
  std::size_t running_ = 0;
  List<Entry> entries_;
};

}  // namespace gatehouse::net
