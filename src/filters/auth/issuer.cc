#include "filters/auth/issuer.h"

#include <algorithm>

namespace gatehouse::filters {

const Issuer* IssuerSet::of(std::string_view iss) const noexcept {
  const auto it = std::ranges::find_if(all, [&](const Issuer& i) { return i.expected.issuer == iss; });
  return it == all.end() ? nullptr : &*it;
}

const Issuer* IssuerSet::numbered(std::uint32_t n) const noexcept {
  const auto it = std::ranges::find_if(all, [&](const Issuer& i) { return i.number->value() == n; });
  return it == all.end() ? nullptr : &*it;
}

Signature check_signature(const jose::Token& token, const KeysInForce& keys) noexcept {
  Signature s;
  bool named = false;  // there is a key of its `kid`
  // Those of its `kid` first, then those for which one of the two has none.
  for (const bool exact : {true, false}) {
    for (const jose::Key& key : keys.keys) {
      const bool is_exact = token.kid() && !token.kid()->empty() && key.kid() == *token.kid();
      if (is_exact != exact) continue;
      named = named || exact;
      if (!jose::can_verify(token, key)) continue;
      if (s.tries == kMostTries) break;  // what is left may be the right one, as far as anybody knows
      ++s.tries;
      if (jose::verify(token, key)) return {Signature::Found::good, s.tries, &key};
    }
  }
  if (named) {
    s.found = Signature::Found::bad;
  } else if (token.kid() && std::ranges::find(keys.revoked, *token.kid()) != keys.revoked.end()) {
    s.found = Signature::Found::revoked;
  }
  return s;
}

Error error_of(jose::Fault fault) noexcept {
  const Errc code = [fault] {
    switch (fault) {
      case jose::Fault::unsupported_algorithm:
      case jose::Fault::algorithm_not_allowed: return Errc::token_algorithm;
      case jose::Fault::wrong_type: return Errc::token_type;
      case jose::Fault::wrong_issuer: return Errc::token_issuer;
      case jose::Fault::wrong_audience: return Errc::token_audience;
      case jose::Fault::expired: return Errc::token_expired;
      case jose::Fault::not_yet_valid: return Errc::token_not_yet_valid;
      case jose::Fault::bound_to_sender: return Errc::token_bound;
      case jose::Fault::unknown_key: return Errc::token_unknown_key;
      case jose::Fault::bad_signature: return Errc::token_signature;
      case jose::Fault::malformed:
      case jose::Fault::too_large:
      case jose::Fault::critical_header:
      case jose::Fault::no_expiry: return Errc::token_malformed;
    }
    return Errc::token_malformed;
  }();
  return {code, Origin::client, Retry::never, jose::text_of(fault)};
}

}  // namespace gatehouse::filters
