#include "base/hash.h"

#define XXH_INLINE_ALL  // short keys: the call would cost as much as the hash
#include <xxhash.h>

namespace gatehouse {

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace gatehouse
