// Why a token is not accepted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gatehouse::jose {

enum class Fault : std::uint8_t {
  malformed,  // not a compact JWS of strict base64url and JSON, or a registered claim of a wrong type
  too_large,  // above the reader's limit; nothing was decoded
  unsupported_algorithm,  // `none`, and what no Algorithm stands for
  algorithm_not_allowed,  // known, but not expected here
  critical_header,        // `crit` (RFC 7515 section 4.1.11) or `b64` (RFC 7797): we understand no extension
  wrong_type,             // `typ`
  wrong_issuer,
  wrong_audience,
  no_expiry,  // no `exp`: it would be good for ever
  expired,
  not_yet_valid,    // `nbf`, or an `iat` in the future
  bound_to_sender,  // `cnf` (RFC 7800): who carries it must prove more than that
  unknown_key,      // no key fits: for the caller to say, nothing here returns it
  bad_signature,    // also where the key does not fit the token
};

inline constexpr std::size_t kFaults = 14;

// For people, as a sentence without its full stop: "the token has expired". Says nothing of the token's
// content.
std::string_view text_of(Fault fault) noexcept;
// For log and metrics, the enumerator's name: "expired".
std::string_view label_of(Fault fault) noexcept;
// Whether the same token will never be accepted under the same expectation: neither time nor a new key cures
// it. false for not_yet_valid and unknown_key, and for bad_signature, which is final only for the key that
// was tried: a set with two keys of one kid may still hold the right one.
bool is_final(Fault fault) noexcept;

}  // namespace gatehouse::jose
