// Keys of every kind that sign in tests, made once a run, and the tokens that they sign. Aborts where OpenSSL
// fails.
#pragma once

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "jose/base64url.h"
#include "jose/key_material.h"

namespace gatehouse::jose::testing {

inline void must(bool condition) {
  if (!condition) std::abort();
}

inline const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// How a message is signed: what the algorithm says, or on purpose something else.
struct How {
  const char* digest = nullptr;  // nullptr: none, for Ed25519
  int salt = -1;                 // bytes; -1: PKCS #1 v1.5
  std::size_t coordinate = 0;    // bytes of r and s; 0: as OpenSSL gives it (DER for ECDSA)
};

inline How how(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::rs256: return {"SHA256", -1, 0};
    case Algorithm::rs384: return {"SHA384", -1, 0};
    case Algorithm::rs512: return {"SHA512", -1, 0};
    case Algorithm::ps256: return {"SHA256", 32, 0};
    case Algorithm::ps384: return {"SHA384", 48, 0};
    case Algorithm::ps512: return {"SHA512", 64, 0};
    case Algorithm::es256: return {"SHA256", -1, 32};
    case Algorithm::es384: return {"SHA384", -1, 48};
    case Algorithm::es512: return {"SHA512", -1, 66};
    case Algorithm::eddsa: return {};
    case Algorithm::hs256: return {"SHA256", -1, 0};
    case Algorithm::hs384: return {"SHA384", -1, 0};
    case Algorithm::hs512: return {"SHA512", -1, 0};
  }
  std::abort();
}

inline std::string hmac(std::string_view secret, std::string_view message, Algorithm algorithm) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  std::size_t size = 0;
  must(EVP_Q_mac(nullptr, "HMAC", nullptr, how(algorithm).digest, nullptr, secret.data(), secret.size(),
                 octets(message), message.size(), mac.data(), mac.size(), &size) != nullptr);
  return {reinterpret_cast<const char*>(mac.data()), size};
}

// r and s one behind the other.
inline std::string raw_of_der(std::string_view der, std::size_t coordinate) {
  const unsigned char* p = octets(der);
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> signature(
      d2i_ECDSA_SIG(nullptr, &p, static_cast<long>(der.size())), &ECDSA_SIG_free);
  must(signature != nullptr);
  std::string raw(2 * coordinate, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  must(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out, static_cast<int>(coordinate)) >= 0);
  must(BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out + coordinate, static_cast<int>(coordinate)) >= 0);
  return raw;
}

// A key pair. Copies share it.
class Signer {
 public:
  static Signer rsa(unsigned bits) { return Signer(EVP_RSA_gen(bits)); }
  static Signer ec(const char* curve) { return Signer(EVP_EC_gen(curve)); }
  static Signer ed25519() { return Signer(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

  [[nodiscard]] std::string sign(std::string_view message, const How& how) const {
    const DigestContextPtr context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* options = nullptr;
    must(EVP_DigestSignInit_ex(context.get(), &options, how.digest, nullptr, nullptr, key_.get(), nullptr) ==
         1);
    if (how.salt >= 0)
      must(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(options, how.salt) == 1);
    std::size_t size = 0;
    must(EVP_DigestSign(context.get(), nullptr, &size, octets(message), message.size()) == 1);
    std::string signature(size, '\0');
    must(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                        octets(message), message.size()) == 1);
    signature.resize(size);
    return how.coordinate == 0 ? signature : raw_of_der(signature, how.coordinate);
  }

  // The members that are the key: "kty":...,... without braces.
  [[nodiscard]] std::string members() const {
    if (EVP_PKEY_is_a(key_.get(), "RSA") == 1)
      return fmt::format(R"("kty":"RSA","n":"{}","e":"{}")", number(OSSL_PKEY_PARAM_RSA_N, 0),
                         number(OSSL_PKEY_PARAM_RSA_E, 0));
    if (EVP_PKEY_is_a(key_.get(), "EC") == 1) {
      const int bits = EVP_PKEY_get_bits(key_.get());
      const auto size = static_cast<std::size_t>((bits + 7) / 8);
      return fmt::format(R"("kty":"EC","crv":"P-{}","x":"{}","y":"{}")", bits,
                         number(OSSL_PKEY_PARAM_EC_PUB_X, size), number(OSSL_PKEY_PARAM_EC_PUB_Y, size));
    }
    std::string x(32, '\0');
    std::size_t size = x.size();
    must(EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(x.data()), &size) == 1);
    return fmt::format(R"("kty":"OKP","crv":"Ed25519","x":"{}")", base64url_encode(x));
  }
  // `extra`: e.g. R"("kid":"k1","alg":"RS256")".
  [[nodiscard]] std::string jwk(std::string_view extra = {}) const {
    return fmt::format("{{{}{}{}}}", members(), extra.empty() ? "" : ",", extra);
  }
  // A number of the key, base64url; `size` 0: as few bytes as it needs.
  [[nodiscard]] std::string number(const char* name, std::size_t size) const {
    BIGNUM* value = nullptr;
    must(EVP_PKEY_get_bn_param(key_.get(), name, &value) == 1);
    std::string out(size == 0 ? static_cast<std::size_t>(BN_num_bytes(value)) : size, '\0');
    must(BN_bn2binpad(value, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size())) >=
         0);
    BN_free(value);
    return base64url_encode(out);
  }
  [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }

 private:
  explicit Signer(EVP_PKEY* key) : key_(key, EVP_PKEY_free) { must(key != nullptr); }
  std::shared_ptr<EVP_PKEY> key_;
};

inline std::string input(std::string_view header, std::string_view payload) {
  return base64url_encode(header) + "." + base64url_encode(payload);
}

// A token with that header and payload, signed in that manner whatever the header says.
inline std::string token(const Signer& signer, const How& how, std::string_view header,
                         std::string_view payload) {
  const std::string message = input(header, payload);
  return message + "." + base64url_encode(signer.sign(message, how));
}

inline std::string mac_token(std::string_view secret, Algorithm algorithm, std::string_view header,
                             std::string_view payload) {
  const std::string message = input(header, payload);
  return message + "." + base64url_encode(hmac(secret, message, algorithm));
}

inline std::string header(Algorithm algorithm, std::string_view extra = {}) {
  return fmt::format(R"({{"alg":"{}"{}{}}})", name_of(algorithm), extra.empty() ? "" : ",", extra);
}

// One of each kind for the whole run: they are dear.
struct Signers {
  Signer rsa = Signer::rsa(2048);
  Signer rsa_other = Signer::rsa(2048);
  Signer p256 = Signer::ec("P-256");
  Signer p256_other = Signer::ec("P-256");
  Signer p384 = Signer::ec("P-384");
  Signer p521 = Signer::ec("P-521");
  Signer ed25519 = Signer::ed25519();
  Signer ed25519_other = Signer::ed25519();

  [[nodiscard]] const Signer& of(Algorithm algorithm) const {
    switch (algorithm) {
      case Algorithm::es256: return p256;
      case Algorithm::es384: return p384;
      case Algorithm::es512: return p521;
      case Algorithm::eddsa: return ed25519;
      default: return rsa;
    }
  }
};
inline const Signers& signers() {
  static const Signers all;
  return all;
}

// As it should be, for that algorithm.
inline std::string good_token(Algorithm algorithm, std::string_view payload, std::string_view extra = {}) {
  return token(signers().of(algorithm), how(algorithm), header(algorithm, extra), payload);
}

inline constexpr std::string_view kSecret =
    "a secret of sixty-four bytes, which is as long as SHA-512 is...!";

}  // namespace gatehouse::jose::testing
