#include "gateway/retry_after.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace gatehouse::gateway {

void add_retry_after(Duration wait, Random& random, http::HeaderTable& headers, Arena& arena) {
  const auto least = std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(wait).count());
  const auto most = static_cast<std::uint32_t>(std::clamp<std::int64_t>(least / 4, 1, 3600));
  auto& text = *arena.make<std::array<char, 20>>();
  const char* end = std::to_chars(text.data(), text.data() + text.size(), least + random.below(most + 1)).ptr;
  headers.set(http::HeaderId::retry_after, {text.data(), end});
}

}  // namespace gatehouse::gateway
