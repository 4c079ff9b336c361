// Time is a value handed in, never fetched: a Duration or a Time (monotonic) in whole nanoseconds.
#pragma once

#include <chrono>
#include <cstdint>

namespace gatehouse {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;  // 10ms, 5s

// A point of the loop's monotonic clock. Comparable only within one process.
struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};
using Time = MonotonicClock::time_point;
inline constexpr Time kNever = Time::max();

// Wall-clock time, for logs, Date and expiry of credentials only.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

// `from + d` that stays at kNever instead of overflowing.
constexpr Time after(Time from, Duration d) noexcept { return d >= kNever - from ? kNever : from + d; }

// Where the time comes from. One real one (net/), one fake one (tests).
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const noexcept = 0;
  virtual WallTime wall() const noexcept = 0;
};

}  // namespace gatehouse
