// Timers in a hierarchical wheel (Varghese, Lauck 1987): setting and cancelling are O(1), a tick is one
// millisecond.
#pragma once

#include <array>
#include <cstdint>

#include "base/list.h"
#include "base/time.h"

namespace gatehouse::net {

// Fires once, from the loop's own stack, never before its time. Cancelled by destruction.
class Timer : public ListNode {
 public:
  using Callback = void (*)(void*) noexcept;
  Timer(Callback callback, void* argument) noexcept : callback_(callback), argument_(argument) {}
  bool armed() const noexcept { return linked(); }
  void cancel() noexcept { unlink(); }

 private:
  friend class TimerWheel;
  Callback callback_;
  void* argument_;
  std::uint64_t tick_ = 0;
};

class TimerWheel {
 public:
  explicit TimerWheel(Time start) noexcept : start_(start) {}

  void set(Timer& timer, Time when) noexcept;  // re-arms if armed; kNever only cancels
  // Fires all that are due. Callbacks may set and cancel timers; one set for now fires in the next call.
  void advance(Time now) noexcept;
  // No timer fires before this; may be earlier than the first one (a slot of an upper level to be refined).
  Time next() const noexcept;

 private:
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kSlots = 1U << kBits;
  static constexpr unsigned kLevels = 5;  // 2^30 ms = 12 days; later ones are set again on the way

  void place(Timer& timer) noexcept;
  void fire_slot(unsigned level, unsigned slot) noexcept;
  std::uint64_t next_tick() const noexcept;

  Time start_;
  std::uint64_t current_ = 0;  // ticks since start that are done
  std::array<std::array<List<Timer>, kSlots>, kLevels> slots_;
  std::array<std::uint64_t, kLevels> occupied_{};  // a bit per slot; may be stale for cancelled timers
};

}  // namespace gatehouse::net
