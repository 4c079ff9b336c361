// Whether a peer moves bytes as fast as it must, judged over the time in which it was waited for.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"

namespace gatehouse::net {

// An average over the last 30 s of waiting: kSlots slots of kSlot each, judged when a slot ends, for the
// first time after 30 s. Time in which nobody waited for this peer does not pass here, so a peer is not
// charged for the slowness of another. Bytes that move without any waiting cost an addition and no look at
// the clock.
class MinRate {
 public:
  static constexpr std::uint32_t kSlots = 6;
  static constexpr Duration kSlot = 5s;
  static constexpr Duration kWindow = kSlot * kSlots;

  explicit MinRate(std::uint64_t bytes_per_second) noexcept  // 0 = off
      : needed_(bytes_per_second * static_cast<std::uint64_t>(kWindow / 1s)) {}

  bool on() const noexcept { return needed_ != 0; }
  void add(std::uint64_t bytes) noexcept { bytes_[slot_] += bytes; }

  // The peer is waited for from now on.
  void begin(Time now) noexcept { since_ = now; }
  // It was until now; what moved meanwhile has been added. Judges what has ended, so that a few bytes which
  // come as a slot ends do not put the verdict off.
  void end(Time now) noexcept {
    for (waited_ += now - since_; waited_ >= kSlot; waited_ -= kSlot) {
      if (ended_ < kSlots) ++ended_;
      if (ended_ == kSlots && sum() < needed_) too_slow_ = true;
      slot_ = next(slot_);
      bytes_[slot_] = 0;
    }
  }
  bool too_slow() const noexcept { return too_slow_; }
  // When it will have been too slow if nothing more moves; after `begin`. kNever if off.
  Time fails_at() const noexcept {
    if (!on()) return kNever;
    if (too_slow_) return since_;
    std::uint64_t left = sum();
    Duration from_now = kSlot - waited_;
    std::uint32_t oldest = next(slot_);
    for (std::uint32_t ended = ended_ + 1; ended < kSlots || left >= needed_; ++ended) {
      left -= bytes_[oldest];
      oldest = next(oldest);
      from_now += kSlot;
    }
    return after(since_, from_now);
  }

 private:
  static constexpr std::uint32_t next(std::uint32_t slot) noexcept {
    return slot + 1 == kSlots ? 0 : slot + 1;
  }
  std::uint64_t sum() const noexcept {
    std::uint64_t n = 0;
    for (std::uint64_t b : bytes_) n += b;
    return n;
  }

  std::uint64_t needed_;  // in a window
  Time since_{};
  Duration waited_{};                          // in the slot that is under way
  std::array<std::uint64_t, kSlots> bytes_{};  // of the slots of the last window, a ring
  std::uint32_t slot_ = 0;                     // the one under way
  std::uint32_t ended_ = 0;                    // slots that have ended, up to kSlots
  bool too_slow_ = false;
};

}  // namespace gatehouse::net
