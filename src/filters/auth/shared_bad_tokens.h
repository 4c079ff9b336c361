// How many bad signatures an address has shown of late: who shows more than `bad_signatures` gets 429 before
// the next signature is looked at, so that a flood of forged tokens does not take the time of the others.
//
// The generic cell rate algorithm (ITU-T I.371), in integers: of each address the time at which it has paid
// for all it did is kept. Addresses are IPv4, or the /64 of IPv6, which is what one customer has.
//
// Owner: the registry. Any worker charges and asks. The table has a fixed size; an address is looked for in
// the four places of its set, and takes the one whose debt ends first. A place is one word, tag and time
// together, changed by compare-and-swap: an address never gets another's debt, but for a tag that is equal by
// chance (1 in 2^31, under a secret seed). Relaxed: the word guards nothing else.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/ip.h"
#include "base/time.h"
#include "config/spec.h"

namespace gatehouse::filters {

class SharedBadTokens {
 public:
  static constexpr std::size_t kSets = 2048;
  static constexpr std::size_t kWays = 4;

  SharedBadTokens(const config::Rate& rate, std::uint64_t seed)
      : seed_(seed),
        interval_(
            std::clamp<std::uint64_t>(units(rate.per) / std::max<std::uint64_t>(1, rate.count), 1, kLongest)),
        tolerance_(std::min(kLongest / interval_, std::max<std::uint64_t>(1, rate.burst) - 1) * interval_),
        sets_(kSets) {}
  SharedBadTokens(const SharedBadTokens&) = delete;

  // A bad signature. Beyond the limit it counts no further, so that it takes one interval, not hours, until
  // the address is heard again.
  void charge(const IpAddress& address, Time now) noexcept {
    const Key key = key_of(address);
    const std::uint64_t t = units(now.time_since_epoch());
    for (std::atomic<std::uint64_t>& place = choose(key, t);;) {
      std::uint64_t word = place.load(std::memory_order_relaxed);
      const std::uint64_t debt = tag_of(word) == key.tag ? debt_of(word, t) : 0;
      const std::uint64_t paid = t + std::min(debt, tolerance_) + interval_;
      if (place.compare_exchange_weak(word, word_of(key.tag, paid), std::memory_order_relaxed)) return;
    }
  }

  // 0: it may go on. Else how long it has to wait.
  Duration wait(const IpAddress& address, Time now) const noexcept {
    const Key key = key_of(address);
    const std::uint64_t t = units(now.time_since_epoch());
    for (const std::atomic<std::uint64_t>& place : sets_[key.set]) {
      const std::uint64_t word = place.load(std::memory_order_relaxed);
      if (tag_of(word) != key.tag) continue;
      const std::uint64_t debt = debt_of(word, t);
      return debt > tolerance_ ? Duration((debt - tolerance_) << kUnitBits) : Duration{};
    }
    return {};
  }

 private:
  // A word: 20 bits of tag, 44 of time in units of 256 ns, which come round after 52 days; what seems to lie
  // further ahead than an address can owe is long past.
  static constexpr unsigned kUnitBits = 8;
  static constexpr unsigned kTimeBits = 44;
  static constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << kTimeBits) - 1;
  static constexpr std::uint64_t kLongest = kTimeMask / 4;  // 13 days
  struct Key {
    std::size_t set;
    std::uint64_t tag;  // never 0, which is an empty place
  };
  using Set = std::array<std::atomic<std::uint64_t>, kWays>;

  static std::uint64_t units(Duration d) noexcept {
    return static_cast<std::uint64_t>(std::max<Duration::rep>(0, d.count())) >> kUnitBits;
  }
  static std::uint64_t tag_of(std::uint64_t word) noexcept { return word >> kTimeBits; }
  static std::uint64_t word_of(std::uint64_t tag, std::uint64_t time) noexcept {
    return tag << kTimeBits | (time & kTimeMask);
  }
  std::uint64_t debt_of(std::uint64_t word, std::uint64_t now) const noexcept {
    const std::uint64_t ahead = (word - now) & kTimeMask;
    return ahead <= tolerance_ + interval_ ? ahead : 0;
  }
  Key key_of(const IpAddress& address) const noexcept {
    const IpAddress counted = network_of(address);
    const std::uint64_t hash =
        hash64({reinterpret_cast<const char*>(counted.bytes.data()), counted.bytes.size()}, seed_);
    return {static_cast<std::size_t>(hash % kSets), std::max<std::uint64_t>(1, hash >> kTimeBits)};
  }
  std::atomic<std::uint64_t>& choose(const Key& key, std::uint64_t t) noexcept {
    std::atomic<std::uint64_t>* best = nullptr;
    std::uint64_t least = 0;
    for (std::atomic<std::uint64_t>& place : sets_[key.set]) {
      const std::uint64_t word = place.load(std::memory_order_relaxed);
      if (tag_of(word) == key.tag) return place;
      const std::uint64_t debt = tag_of(word) == 0 ? 0 : debt_of(word, t);
      if (best == nullptr || debt < least) {
        best = &place;
        least = debt;
      }
    }
    return *best;
  }

  const std::uint64_t seed_;
  const std::uint64_t interval_;   // in units
  const std::uint64_t tolerance_;  // of debt
  std::vector<Set> sets_;
};

}  // namespace gatehouse::filters
