// The generic cell rate algorithm (ITU-T I.371, annex A), in integers: of each key one number is kept, the
// time at which all that it took will have come back ("theoretical arrival time"). No timer refills anything.
//
// Pure. Times are nanoseconds of the monotonic clock, which never goes back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/time.h"
#include "config/spec.h"

namespace gatehouse::filters {

// How much of a limit may be given out here: a share of its rate and of its level. Alone, a gateway has the
// whole.
struct Portion {
  std::int64_t interval = 1;  // in which one unit comes back; rounded up, so that no rate is ever exceeded
  std::int64_t level = 1;     // the most that can be owed: `burst` intervals

  std::uint64_t burst() const noexcept { return static_cast<std::uint64_t>(level / interval); }
  friend bool operator==(const Portion&, const Portion&) = default;
};

constexpr Portion whole_of(const config::Rate& rate) noexcept {
  const auto count = static_cast<std::int64_t>(std::max<std::uint64_t>(1, rate.count));
  const std::int64_t interval = std::max<std::int64_t>(1, (rate.per.count() + count - 1) / count);
  const std::int64_t most =
      std::numeric_limits<std::int64_t>::max() / 32 / interval;  // the loader allows less
  return {interval,
          interval * std::min(most, static_cast<std::int64_t>(std::max<std::uint64_t>(1, rate.burst)))};
}

// What is owed now, as time.
constexpr std::int64_t debt_of(std::int64_t paid, std::int64_t now) noexcept {
  return paid > now ? paid - now : 0;
}

struct Decision {
  bool admitted = false;
  std::int64_t paid = 0;  // of the key, if the request is charged
  std::int64_t wait = 0;  // refused: until the same request would be let through; kForever = never
};
inline constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

// `debt`: of the key, before. Nothing costs nothing.
constexpr Decision decide(const Portion& portion, std::int64_t debt, std::int64_t now,
                          std::uint64_t units) noexcept {
  std::uint64_t product = 0;  // unsigned, so that one multiplication tells whether it overflows
  if (__builtin_mul_overflow(units, static_cast<std::uint64_t>(portion.interval), &product) ||
      product > static_cast<std::uint64_t>(portion.level)) [[unlikely]]
    return {false, 0, kForever};
  const auto cost = static_cast<std::int64_t>(product);
  const std::int64_t room = portion.level - cost;
  if (debt > room && cost > 0) [[unlikely]]
    return {false, 0, debt - room};
  return {true, now + debt + cost, 0};
}

// How many more would be let through at this moment.
constexpr std::uint64_t remaining(const Portion& portion, std::int64_t debt) noexcept {
  return debt >= portion.level ? 0 : static_cast<std::uint64_t>((portion.level - debt) / portion.interval);
}

// The same number of units under other terms, rounded up; at most all that can be owed there. So nobody gets
// a burst again because a limit was changed, and nobody owes hours because a rate was lowered.
constexpr std::int64_t convert(std::int64_t debt, const Portion& from, const Portion& to) noexcept {
  if (from == to) return std::min(debt, to.level);
  __extension__ using Wide = unsigned __int128;
  const Wide units = static_cast<Wide>(debt) * static_cast<Wide>(to.interval);
  const Wide other = (units + static_cast<Wide>(from.interval) - 1) / static_cast<Wide>(from.interval);
  return other < static_cast<Wide>(to.level) ? static_cast<std::int64_t>(other) : to.level;
}

}  // namespace gatehouse::filters
