// Tokens that must not be accepted, each beside a twin that must, so that the table cannot pass by refusing
// all.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/ranges.h>

#include "jose/fault.h"
#include "jose/token_testing.h"

namespace gatehouse::jose::testing {

// What the gateway has for a verdict: a key set, one JWK, or a secret.
struct Keys {
  std::string set;
  std::string jwk;
  std::string secret;
};

struct Attack {
  std::string name;
  std::string token;
  Keys keys;
  Fault expected;
  std::string twin;
  Keys twin_keys;
};

inline constexpr std::string_view kClaims =
    R"({"iss":"https://issuer.example","sub":"42","aud":"api","exp":4000000000,"iat":1700000000})";

inline Keys jwk(std::string text) { return {.set = {}, .jwk = std::move(text), .secret = {}}; }
inline Keys set_of(const std::vector<std::string>& jwks) {
  return {.set = fmt::format(R"({{"keys":[{}]}})", fmt::join(jwks, ",")), .jwk = {}, .secret = {}};
}
// The key of that algorithm, as an issuer would publish it.
inline std::string published(Algorithm algorithm) {
  return signers().of(algorithm).jwk(fmt::format(R"("kid":"k1","use":"sig","alg":"{}")", name_of(algorithm)));
}

// Attacks on one key with one twin.
class Attacks {
 public:
  Attacks(std::vector<Attack>& all, std::string twin, const Keys& keys)
      : all_(all), twin_(std::move(twin)), keys_(keys) {}
  // `keys`: others than the twin's.
  void add(std::string name, std::string token, Fault expected, const std::optional<Keys>& keys = {}) {
    all_.push_back({std::move(name), std::move(token), keys.value_or(keys_), expected, twin_, keys_});
  }

 private:
  std::vector<Attack>& all_;
  std::string twin_;
  Keys keys_;
};

// What a header with that text, signed as the algorithm signs, becomes.
inline std::string with_header(Algorithm algorithm, std::string_view header,
                               std::string_view payload = kClaims) {
  return token(signers().of(algorithm), how(algorithm), header, payload);
}

// attacks_*_test.cc
void add_algorithm_attacks(std::vector<Attack>& all);
void add_header_attacks(std::vector<Attack>& all);
void add_key_attacks(std::vector<Attack>& all);
void add_form_attacks(std::vector<Attack>& all);
void add_signature_attacks(std::vector<Attack>& all);
void add_claims_attacks(std::vector<Attack>& all);

}  // namespace gatehouse::jose::testing
