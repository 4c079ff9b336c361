// An issuer as tokens are judged by it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "filters/auth/attributes.h"
#include "filters/auth/key_waiters.h"
#include "filters/auth/shared_key_ring.h"
#include "gateway/local_place.h"
#include "jose/verify.h"

namespace gatehouse::filters {

// A number that stands for a text, never given to another: of the registry, under that text.
class Numbered {
 public:
  explicit Numbered(std::uint32_t value) noexcept : value_(value) {}
  std::uint32_t value() const noexcept { return value_; }

 private:
  std::uint32_t value_;
};

// Immutable; in the snapshot.
struct Issuer {
  std::string name;  // in the configuration
  jose::Expectation expected;
  std::string user_claim;
  std::string user_prefix;  // `name:` where there are several; else empty
  bool fetched = true;      // its keys may come later; those of a file or a secret are all there is
  std::shared_ptr<SharedKeyRing> ring;
  std::shared_ptr<const gateway::LocalPlace> place;  // of KeysOfWorker
  // What makes a verdict: issuer, audience, algorithms, ... and where the keys come from.
  std::shared_ptr<const Numbered> number;
  // What is read from a token: user and claims.
  std::shared_ptr<const Numbered> shape;
};

struct IssuerSet {
  std::vector<Issuer> all;
  AskedClaims asked;
  std::shared_ptr<const Numbered> number;  // of all of it

  const Issuer* of(std::string_view iss) const noexcept;        // null: none is called that
  const Issuer* numbered(std::uint32_t number) const noexcept;  // null: it is another configuration's
};

// A worker's part of an issuer.
struct KeysOfWorker {
  KeysOfWorker(std::shared_ptr<SharedKeyRing> r, std::shared_ptr<KeyWaiters> w)
      : ring(std::move(r)), keys(ring->keys()), waiters(std::move(w)) {}
  const KeysInForce& in_force() {  // valid until the next call
    if (ring->generation() != keys->generation) keys = ring->keys();
    return *keys;
  }
  std::shared_ptr<SharedKeyRing> ring;
  std::shared_ptr<const KeysInForce> keys;
  std::shared_ptr<KeyWaiters> waiters;
};

// Whether one of the keys has signed the token. At most kMostTries signatures are computed.
inline constexpr unsigned kMostTries = 8;
struct Signature {
  enum class Found : std::uint8_t {
    good,
    bad,         // there is a key of its `kid`, but that did not sign it
    revoked,     // its key is one that never comes back
    no_such_key  // nor is it clear that there never will be one
  };
  Found found = Found::no_such_key;
  unsigned tries = 0;
  const jose::Key* key = nullptr;  // of `good`
};
Signature check_signature(const jose::Token& token, const KeysInForce& keys) noexcept;

inline constexpr Error kNoUser{Errc::token_malformed, Origin::client, Retry::never,
                               "the token lacks the claim that names the user"};

// How a client is told.
Error error_of(jose::Fault fault) noexcept;

}  // namespace gatehouse::filters
