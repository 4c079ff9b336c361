#include "control/offload.h"

namespace gatehouse::control {

ThreadOffload::ThreadOffload(net::Loop& loop) : loop_(loop), thread_([this] { run(); }) {}

ThreadOffload::~ThreadOffload() {
  {
    std::lock_guard lock(lock_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void ThreadOffload::start(Job job, Job done) {
  {
    std::lock_guard lock(lock_);
    queue_.push_back({std::move(job), std::move(done)});
  }
  changed_.notify_one();
}

void ThreadOffload::run() {
  std::unique_lock lock(lock_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    if (stop_) return;
    Entry entry = std::move(queue_.front());
    queue_.erase(queue_.begin());
    lock.unlock();
    entry.job();
    entry.job = nullptr;  // what it owned dies here, not under the lock
    loop_.post(std::move(entry.done));
    lock.lock();
  }
}

}  // namespace gatehouse::control
