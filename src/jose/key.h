// A key that signatures are verified with: a JWK (RFC 7517, RFC 7518 section 6, RFC 8037) or a shared secret.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "jose/algorithm.h"

namespace gatehouse::jose {

// RFC 7638, of SHA-256.
using Thumbprint = std::array<std::uint8_t, 32>;

struct KeyMaterial;  // key_material.h

// Immutable. Copies are cheap and share what was parsed once; any thread may verify with any of them. All
// views live as long as the last copy.
class Key {
 public:
  static constexpr std::size_t kMaxJwkBytes = std::size_t{64} * 1024;

  // RSA of 2048 to 8192 bits with an odd exponent of 3 to 2^64 - 1, EC on P-256, P-384 or P-521 with a point
  // on the curve, OKP Ed25519, and `oct` of at least 256 bits. Anything else, and a key that by `use`,
  // `key_ops` or `alg` is for no signature that we verify, is an error in words for people. Of a private key
  // the public half is taken and the rest forgotten. `x5c`, `x5u` and unknown members are ignored. The words
  // never quote key material.
  static std::expected<Key, std::string> from_jwk(std::string_view json);
  // For HS256, HS384, HS512: a secret is never shorter than the algorithm's hash (RFC 7518 section 3.2), so
  // one below 64 bytes is for HS384 and HS256 only, one below 48 for HS256 only, and one below 32 an error.
  static std::expected<Key, std::string> from_secret(std::string_view secret, std::string_view kid = {});

  [[nodiscard]] std::string_view kid() const noexcept;  // empty: it has none
  [[nodiscard]] const Thumbprint& thumbprint() const noexcept;
  // What `kty`, `crv`, `alg`, `use` and `key_ops` allow together; never empty, and never both of asymmetric()
  // and symmetric().
  [[nodiscard]] AlgorithmSet algorithms() const noexcept;
  // Its public members as JSON, in one order and without spaces: from_jwk reads it again as the same key.
  // Empty for a secret, which has no public half.
  [[nodiscard]] const std::string& jwk() const noexcept;

  [[nodiscard]] const KeyMaterial& material() const noexcept { return *material_; }

 private:
  friend struct KeyMaterial;
  explicit Key(std::shared_ptr<const KeyMaterial> material) noexcept : material_(std::move(material)) {}
  std::shared_ptr<const KeyMaterial> material_;
};

}  // namespace gatehouse::jose
