#include "base/hash.h"

#define XXH_INLINE_ALL  // short keys: the call would cost as much as the hash
#include <xxhash.h>

namespace gatehouse {

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

struct Hash64::State {
  XXH3_state_t xxh3;
};

Hash64::Hash64() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->xxh3); }
Hash64::~Hash64() = default;
void Hash64::add(std::string_view bytes) noexcept {
  XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size());
}
std::uint64_t Hash64::value() const noexcept { return XXH3_64bits_digest(&state_->xxh3); }

}  // namespace gatehouse
