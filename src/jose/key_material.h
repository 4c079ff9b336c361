// What a Key holds, and how one is made of a JWK that has been read. Inside this room only.
#pragma once

#include <openssl/evp.h>
#include <simdjson.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "jose/algorithm.h"
#include "jose/key.h"

namespace gatehouse::jose {

struct OpenSslFree {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  void operator()(EVP_MAC* mac) const noexcept { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const noexcept { EVP_MAC_CTX_free(context); }
};
using PKeyPtr = std::unique_ptr<EVP_PKEY, OpenSslFree>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, OpenSslFree>;
using MacContextPtr = std::unique_ptr<EVP_MAC_CTX, OpenSslFree>;

// Built once, then never changed. The contexts are ready to be given a message; verify() works on copies of
// them, which spares it the look-up of algorithms and their locks. OpenSSL only reads a context that it
// copies and counts its references atomically, so threads may copy the same one at once.
struct KeyMaterial {
  std::string kid;
  std::string jwk;
  Thumbprint thumbprint{};
  AlgorithmSet algorithms;
  std::size_t signature_size = 0;   // bytes, of an asymmetric key
  std::size_t coordinate_size = 0;  // bytes of r and of s; 0: no EC key
  PKeyPtr key;                      // none for a secret
  std::array<DigestContextPtr, kAlgorithms> digest;
  std::array<MacContextPtr, kAlgorithms> mac;

  static Key to_key(std::shared_ptr<const KeyMaterial> material) { return Key(std::move(material)); }
};

// Prepares a context for each of `algorithms`. false: OpenSSL would not.
bool prepare(KeyMaterial& material, AlgorithmSet algorithms);
// For HS256 and so on, for those of `algorithms` whose hash is not longer than the secret.
bool prepare_secret(KeyMaterial& material, AlgorithmSet algorithms, std::string_view secret);

// nullptr: OpenSSL takes no such key; for EC: the point is not on the curve. Numbers are big-endian.
PKeyPtr make_rsa(std::string_view modulus, std::string_view exponent);
PKeyPtr make_ec(const char* group, std::string_view x, std::string_view y);
PKeyPtr make_ed25519(std::string_view x);

// Whether the modulus has the shape of Infineon's generator, whose keys can be factored (ROCA,
// CVE-2017-15361). Wrong for one good key in 2^27. Big-endian.
bool has_roca_shape(std::string_view modulus) noexcept;

// A member of a JWK Set. `why` is in words for people.
std::expected<Key, std::string> read_jwk(simdjson::dom::object jwk);

}  // namespace gatehouse::jose
