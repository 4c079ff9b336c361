#include "jose/algorithm.h"

#include <algorithm>
#include <array>

namespace gatehouse::jose {

namespace {

constexpr std::array<std::string_view, kAlgorithms> kNames = {
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512",
};

}  // namespace

std::optional<Algorithm> algorithm_named(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Algorithm>(found - kNames.begin());
}

std::string_view name_of(Algorithm algorithm) noexcept { return kNames[static_cast<std::size_t>(algorithm)]; }

bool is_symmetric(Algorithm algorithm) noexcept { return AlgorithmSet::symmetric().contains(algorithm); }

}  // namespace gatehouse::jose
