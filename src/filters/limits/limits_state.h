// What is owed, out of the table into the form in which it is kept, and back into a new process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "filters/limits/kept_limits.h"
#include "filters/limits/limit_policy.h"

namespace gatehouse::filters {

// Taken in turns, because a table of a million keys is 64 MB. What is charged meanwhile may or may not be in
// it. Thread: control's.
class LimitsExport {
 public:
  static constexpr std::size_t kMostKeys =
      (std::size_t{256} << 20) / 32;  // control::StateFolder reads no more

  // `now`: of the monotonic clock, which is `at` by the wall's.
  LimitsExport(std::shared_ptr<const LimitPolicy> policy, WallTime at, std::int64_t now);
  // Looks at the next `buckets` of the table. False: that was all.
  bool turn(std::size_t buckets);
  std::size_t keys() const noexcept { return keys_; }
  bool cut_off() const noexcept { return keys_ == kMostKeys; }
  // Parts of the file, one after the other.
  std::size_t size() const noexcept { return writer_.size(); }
  std::string take() { return writer_.take(); }
  std::string finish() { return writer_.finish(); }  // the last

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  const std::shared_ptr<const LimitPolicy> policy_;
  const std::int64_t now_;
  KeptLimitsWriter writer_;
  std::vector<std::uint32_t> index_;  // by the limit's number
  std::vector<SharedLimit*> limits_;
  std::size_t at_ = 0;
  std::size_t keys_ = 0;
};

// Limits that there are no more are left out; what came back in the `passed` nanoseconds since is taken off,
// the rest is converted to the limit's terms as they stand. `now`: of the monotonic clock. Before any
// request; by any one thread. False: the file has become shorter since it was looked at, and the rest is
// missing.
bool import_limits(const KeptLimits& kept, const LimitPolicy& policy, std::int64_t passed, std::int64_t now);

}  // namespace gatehouse::filters
