// Whether a token is to be believed. Two halves, so that the cheap one can come first: what it says, and who
// signed it. Both are needed.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "jose/algorithm.h"
#include "jose/fault.h"
#include "jose/key.h"
#include "jose/token.h"

namespace gatehouse::jose {

struct Expectation {
  std::string issuer;                  // `iss` is exactly that; empty = any
  std::vector<std::string> audiences;  // `aud` holds one of them; empty = any
  AlgorithmSet algorithms = AlgorithmSet::asymmetric();
  std::string
      type;  // `typ`, e.g. at+jwt; without regard to case, with or without `application/`; empty = any
  std::int64_t leeway_s = 60;  // seconds by which clocks may differ
};

// Everything that needs no key, in this order: algorithm, `typ`, issuer, audience, times, `cnf`. A token is
// good while now_s < exp + leeway (RFC 7519 section 4.1.4) and now_s >= nbf - leeway and >= iat - leeway.
// Never allocates.
std::expected<void, Fault> check_claims(const Token& token, const Expectation& expected,
                                        std::int64_t now_s) noexcept;

// Whether the key is for the token's algorithm, and their `kid`s are equal or one of them has none.
bool can_verify(const Token& token, const Key& key) noexcept;

// The signature alone: bad_signature, also where the key is not for that algorithm. `kid` is not looked at.
// Costs what OpenSSL takes for it; allocates only inside OpenSSL. Any thread.
std::expected<void, Fault> verify(const Token& token, const Key& key) noexcept;
// The same for any message; `signature` as RFC 7518 lays it out: for ES, r and s one behind the other.
std::expected<void, Fault> verify(const Key& key, Algorithm algorithm, std::string_view message,
                                  std::string_view signature) noexcept;

}  // namespace gatehouse::jose
