#include "filters/auth/refused_tokens.h"

#include <cstring>

namespace gatehouse::filters {

RefusedTokens::Half RefusedTokens::half_of(const Digest& token) noexcept {
  Half half;
  std::memcpy(half.data(), token.data(), sizeof half);
  return half;
}

void RefusedTokens::add(const Digest& token, const Finding& finding, std::int64_t now_s) noexcept {
  const Half half = half_of(token);
  places_[half[0] % kPlaces] = {half, finding, now_s + kSeconds};
}

const RefusedTokens::Finding* RefusedTokens::find(const Digest& token, std::int64_t now_s) const noexcept {
  const Half half = half_of(token);
  const Place& p = places_[half[0] % kPlaces];
  // A clock that was set back ends it too: it is never kept for longer than it was meant to.
  const bool fresh = now_s < p.until && now_s >= p.until - kSeconds;
  return fresh && p.token == half ? &p.finding : nullptr;
}

}  // namespace gatehouse::filters
