#include "net/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace gatehouse::net {

void TimerWheel::set(Timer& timer, Time when) noexcept {
  timer.unlink();
  if (when == kNever) return;
  auto since = when - start_;
  // rounded up: a timer never fires early
  auto tick = since <= Duration::zero() ? 0 : static_cast<std::uint64_t>((since + 1ms - 1ns) / 1ms);
  timer.tick_ = std::max(tick, current_ + 1);
  place(timer);
}

void TimerWheel::place(Timer& timer) noexcept {
  std::uint64_t delta = timer.tick_ - current_;
  unsigned level = 0;
  while (level + 1 < kLevels && delta >= (std::uint64_t{1} << (kBits * (level + 1)))) ++level;
  std::uint64_t tick = timer.tick_;
  std::uint64_t horizon = (std::uint64_t{1} << (kBits * kLevels)) - 1;
  if (delta > horizon) tick = current_ + horizon;
  auto slot = static_cast<unsigned>((tick >> (kBits * level)) & (kSlots - 1));
  slots_[level][slot].push_back(timer);
  occupied_[level] |= std::uint64_t{1} << slot;
}

// The first tick after current_ at which some slot has to be looked at.
std::uint64_t TimerWheel::next_tick() const noexcept {
  std::uint64_t best = UINT64_MAX;
  for (unsigned level = 0; level < kLevels; ++level) {
    if (!occupied_[level]) continue;
    std::uint64_t position = (current_ >> (kBits * level)) + 1;  // the next slot of this level
    auto rotated = std::rotr(occupied_[level], static_cast<int>(position & (kSlots - 1)));
    std::uint64_t tick = (position + static_cast<unsigned>(std::countr_zero(rotated))) << (kBits * level);
    best = std::min(best, tick);
  }
  return best;
}

Time TimerWheel::next() const noexcept {
  std::uint64_t tick = next_tick();
  return tick == UINT64_MAX ? kNever : start_ + Duration(1ms) * static_cast<std::int64_t>(tick);
}

void TimerWheel::fire_slot(unsigned level, unsigned slot) noexcept {
  occupied_[level] &= ~(std::uint64_t{1} << slot);
  List<Timer> due;
  due.take(slots_[level][slot]);
  while (Timer* t = due.pop_front()) {
    if (t->tick_ > current_) {
      place(*t);  // from an upper level down to where it belongs
    } else {
      t->callback_(t->argument_);
    }
  }
}

void TimerWheel::advance(Time now) noexcept {
  if (now < start_) return;
  auto target = static_cast<std::uint64_t>((now - start_) / 1ms);
  while (current_ < target) {
    std::uint64_t tick = next_tick();
    if (tick > target) {
      current_ = target;
      return;
    }
    current_ = tick;
    for (unsigned level = kLevels; level-- > 0;) {
      if (tick & ((std::uint64_t{1} << (kBits * level)) - 1)) continue;  // not at a boundary of this level
      auto slot = static_cast<unsigned>((tick >> (kBits * level)) & (kSlots - 1));
      if (occupied_[level] >> slot & 1U) fire_slot(level, slot);
    }
  }
}

}  // namespace gatehouse::net
