#include "jose/key_material.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include <algorithm>

namespace gatehouse::jose {

namespace {

struct ParamFree {
  void operator()(OSSL_PARAM_BLD* builder) const noexcept { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* params) const noexcept { OSSL_PARAM_free(params); }
  void operator()(EVP_PKEY_CTX* context) const noexcept { EVP_PKEY_CTX_free(context); }
  void operator()(BIGNUM* number) const noexcept { BN_free(number); }
};
template <class T>
using Owned = std::unique_ptr<T, ParamFree>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Owned<BIGNUM> number(std::string_view big_endian) {
  return Owned<BIGNUM>(BN_bin2bn(bytes(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

PKeyPtr from_params(const char* type, OSSL_PARAM_BLD* builder) {
  const Owned<OSSL_PARAM> params(OSSL_PARAM_BLD_to_param(builder));
  const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return nullptr;
  return PKeyPtr(key);
}

const char* digest_of(Algorithm algorithm) noexcept {
  switch (algorithm) {
    case Algorithm::rs256:
    case Algorithm::ps256:
    case Algorithm::es256:
    case Algorithm::hs256: return "SHA2-256";
    case Algorithm::rs384:
    case Algorithm::ps384:
    case Algorithm::es384:
    case Algorithm::hs384: return "SHA2-384";
    case Algorithm::rs512:
    case Algorithm::ps512:
    case Algorithm::es512:
    case Algorithm::hs512: return "SHA2-512";
    case Algorithm::eddsa: break;
  }
  return nullptr;  // Ed25519 hashes by itself
}

bool is_pss(Algorithm algorithm) noexcept {
  return algorithm == Algorithm::ps256 || algorithm == Algorithm::ps384 || algorithm == Algorithm::ps512;
}

DigestContextPtr make_digest(Algorithm algorithm, EVP_PKEY* key) {
  DigestContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;  // the context's
  if (!context || EVP_DigestVerifyInit_ex(context.get(), &options, digest_of(algorithm), nullptr, nullptr,
                                          key, nullptr) != 1)
    return nullptr;
  // RFC 7518 section 3.5: the salt is as long as the hash, and MGF1 has the same hash, as is OpenSSL's
  // default.
  if (is_pss(algorithm) && (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
                            EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1))
    return nullptr;
  return context;
}

constexpr std::array kSecretAlgorithms = {Algorithm::hs256, Algorithm::hs384, Algorithm::hs512};

std::size_t least_secret(Algorithm algorithm) noexcept {
  return algorithm == Algorithm::hs256 ? 32 : algorithm == Algorithm::hs384 ? 48 : 64;
}

}  // namespace

bool prepare(KeyMaterial& material, AlgorithmSet algorithms) {
  for (std::size_t i = 0; i < kAlgorithms; ++i) {
    const auto algorithm = static_cast<Algorithm>(i);
    if (!algorithms.contains(algorithm)) continue;
    material.digest[i] = make_digest(algorithm, material.key.get());
    if (!material.digest[i]) return false;
    material.algorithms.insert(algorithm);
  }
  return !material.algorithms.empty();
}

bool prepare_secret(KeyMaterial& material, AlgorithmSet algorithms, std::string_view secret) {
  const std::unique_ptr<EVP_MAC, OpenSslFree> hmac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  if (!hmac) return false;
  for (Algorithm algorithm : kSecretAlgorithms) {
    if (!algorithms.contains(algorithm) || secret.size() < least_secret(algorithm)) continue;
    std::string digest = digest_of(algorithm);
    const std::array params = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), digest.size()),
        OSSL_PARAM_construct_end(),
    };
    MacContextPtr context(EVP_MAC_CTX_new(hmac.get()));
    if (!context || EVP_MAC_init(context.get(), bytes(secret), secret.size(), params.data()) != 1)
      return false;
    material.mac[static_cast<std::size_t>(algorithm)] = std::move(context);
    material.algorithms.insert(algorithm);
  }
  return !material.algorithms.empty();
}

PKeyPtr make_rsa(std::string_view modulus, std::string_view exponent) {
  const Owned<BIGNUM> n = number(modulus);
  const Owned<BIGNUM> e = number(exponent);
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return nullptr;
  return from_params("RSA", builder.get());
}

PKeyPtr make_ec(const char* group, std::string_view x, std::string_view y) {
  std::string point = "\x04";  // uncompressed, SEC 1 section 2.3.3
  point += x;
  point += y;
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) !=
          1)
    return nullptr;
  PKeyPtr key = from_params("EC", builder.get());
  // On the curve, coordinates below p, not the point at infinity.
  const Owned<EVP_PKEY_CTX> check(key ? EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr) : nullptr);
  if (!check || EVP_PKEY_public_check(check.get()) != 1) return nullptr;
  return key;
}

PKeyPtr make_ed25519(std::string_view x) {
  return PKeyPtr(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, bytes(x), x.size()));
}

bool has_roca_shape(std::string_view modulus) noexcept {
  // Such primes are 65537^a modulo a product of the first primes, and so is their product modulo each of
  // them.
  constexpr std::array<unsigned, 37> kPrimes = {
      5,  7,  11, 13, 17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71, 73,
      79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};
  return std::ranges::all_of(kPrimes, [&](unsigned prime) {
    unsigned remainder = 0;
    for (char c : modulus) remainder = (remainder * 256 + static_cast<unsigned char>(c)) % prime;
    unsigned power = 1;
    do {
      if (power == remainder) return true;
      power = power * 65537 % prime;
    } while (power != 1);
    return false;
  });
}

}  // namespace gatehouse::jose
