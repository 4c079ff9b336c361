#include "net/loop.h"

#include <algorithm>

namespace gatehouse::net {

Loop::Loop(const Clock& clock, Poller& poller, std::uint64_t seed)
    : clock_(clock),
      poller_(poller),
      now_(clock.now()),
      wall_base_(clock.wall()),
      wall_base_at_(now_),
      random_(seed),
      timers_(now_),
      turn_ended_(now_) {}

Loop::~Loop() {
  mail_.clear();  // may own what is destroyed later
  reap();
}

void Loop::woken() noexcept {
  now_ = clock_.now();
  if (now_ - wall_base_at_ >= 1s) {  // follows adjustments of the wall clock without reading it every turn
    wall_base_ = clock_.wall();
    wall_base_at_ = now_;
  }
}

void Loop::run() {
  while (turn()) {
  }
}

bool Loop::turn(Time until) {
  if (stop_.load(std::memory_order_acquire)) return false;
  bool wait = ready_.empty() && doomed_.empty() && !has_mail_.load(std::memory_order_acquire);
  poller_.poll(wait ? std::min(until, timers_.next()) : turn_ended_, *this);
  timers_.advance(now_);
  List<Ready> batch;  // what becomes ready from here on waits for the next turn, so that nothing starves
  batch.take(ready_);
  while (Ready* r = batch.pop_front()) r->handle.resume();
  if (has_mail_.load(std::memory_order_acquire)) deliver_mail();
  reap();
  turn_ended_ = clock_.now();
  if (Duration::rep took = (turn_ended_ - now_).count(); took > longest_turn_.load(std::memory_order_relaxed))
    longest_turn_.store(took, std::memory_order_relaxed);
  return !stop_.load(std::memory_order_acquire);
}

void Loop::stop() noexcept {
  stop_.store(true, std::memory_order_release);
  poller_.wake();
}

void Loop::post(Mail mail) {
  {
    std::lock_guard lock(mail_lock_);
    mail_.push_back(std::move(mail));
    has_mail_.store(true, std::memory_order_release);
  }
  poller_.wake();
}

void Loop::deliver_mail() {
  std::vector<Mail> batch;
  {
    std::lock_guard lock(mail_lock_);
    batch.swap(mail_);
    has_mail_.store(false, std::memory_order_relaxed);
  }
  for (Mail& m : batch) m();
}

void Loop::reap() noexcept {
  while (Doomed* d = doomed_.pop_front()) delete d;
}

}  // namespace gatehouse::net
