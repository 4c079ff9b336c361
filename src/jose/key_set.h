// A JWK Set (RFC 7517 section 5), as an issuer publishes it.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "jose/key.h"

namespace gatehouse::jose {

// A member of `keys` that is not used: RFC 7517 section 5 wants others not to fail for it.
struct SkippedKey {
  std::size_t index;  // in `keys`, from 0
  std::string kid;    // empty: it has none
  std::string why;    // for people; quotes no key material
};

struct KeySet {
  static constexpr std::size_t kMaxBytes = std::size_t{256} * 1024;
  static constexpr std::size_t kMaxKeys = 128;

  std::vector<Key> keys;  // asymmetric only, in the order of the set
  std::vector<SkippedKey> skipped;

  // Skipped are keys for encryption, of unknown or weak kinds, with faults, and every `oct`: what an issuer
  // publishes is no secret. An error, in words for people, is what is no key set: not JSON, a member twice,
  // no `keys`, too many bytes or keys. A set without a usable key is not an error.
  static std::expected<KeySet, std::string> parse(std::string_view json);
};

}  // namespace gatehouse::jose
