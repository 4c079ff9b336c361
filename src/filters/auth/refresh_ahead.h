// How often keys are fetched where they change: four times between two changes, so that a new key is known
// soon after it is there, whoever asks for what meanwhile.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "base/time.h"

namespace gatehouse::filters {

// A value; times are arguments.
//
// What is observed is never the whole truth: a change comes late (the provider was down), two are seen as one
// or one as two (an old key leaves some time after the new one came). So the rotation is taken from the four
// last intervals, the shorter ones of them; and once it is overdue, fetches become rarer as it is waited for.
// One hasty interval among long ones costs a few dozen fetches, spread ever thinner, and no new key is ever
// seen later than by a quarter of the time that the old ones had.
class RefreshAhead {
 public:
  static constexpr Duration kShortest = 1s;
  static constexpr Duration kLongest = 1h;

  // A fetch that began at `at` brought a set that differs from the one before.
  void changed(Time at) noexcept;
  // Until the next fetch ahead, at `now`; nullopt: no change was ever seen.
  std::optional<Duration> interval(Time now) const noexcept;
  // Between two changes, as far as it is known.
  std::optional<Duration> rotation() const noexcept;

 private:
  std::optional<Time> last_;
  std::array<Duration, 4> recent_{};  // a ring
  std::size_t seen_ = 0;
};

}  // namespace gatehouse::filters
