#include "filters/auth/refresh_ahead.h"

#include <algorithm>

namespace gatehouse::filters {

void RefreshAhead::changed(Time at) noexcept {
  if (last_) recent_[seen_++ % recent_.size()] = at - *last_;
  last_ = at;
}

std::optional<Duration> RefreshAhead::rotation() const noexcept {
  const std::size_t n = std::min(seen_, recent_.size());
  if (n == 0) return std::nullopt;
  auto sorted = recent_;
  std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(n));
  return sorted[(n - 1) / 2];
}

std::optional<Duration> RefreshAhead::interval(Time now) const noexcept {
  if (!last_) return std::nullopt;
  const Duration between = std::max(rotation().value_or(Duration::zero()), now - *last_);
  return std::clamp(between / 4, kShortest, kLongest);
}

}  // namespace gatehouse::filters
