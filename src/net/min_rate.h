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
  // It was until now.
  void end(Time now) noexcept {
    for (waited_ += now - since_; waited_ >= kSlot; waited_ -= kSlot) {
      slot_ = next(slot_);
      bytes_[slot_] = 0;
      if (ended_ < kSlots) ++ended_;
    }
  }
  // When it will have been too slow if nothing more moves; after `begin`. kNever if off.
  Time fails_at() const noexcept {
    if (!on()) return kNever;
    std::uint64_t sum = 0;
    for (std::uint64_t b : bytes_) sum += b;
    Duration from_now = kSlot - waited_;
    std::uint32_t oldest = next(slot_);
    for (std::uint32_t ended = ended_ + 1; ended < kSlots || sum >= needed_; ++ended) {
      sum -= bytes_[oldest];
      oldest = next(oldest);
      from_now += kSlot;
    }
    return after(since_, from_now);
  }

 private:
  static constexpr std::uint32_t next(std::uint32_t slot) noexcept {
    return slot + 1 == kSlots ? 0 : slot + 1;
  }

  std::uint64_t needed_;  // in a window
  Time since_{};
  Duration waited_{};                          // in the slot that is under way
  std::array<std::uint64_t, kSlots> bytes_{};  // of the slots of the last window, a ring
  std::uint32_t slot_ = 0;                     // the one under way
  std::uint32_t ended_ = 0;                    // slots that have ended, up to kSlots
};

}  // namespace gatehouse::net
