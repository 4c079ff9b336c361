// From a token to whom it names, on one worker: looked up among those that were verified, or read, checked
// and verified. Free of exchanges, so that a command can ask as well.
//
// A token that is known costs a hash, a comparison and a copy of its attributes. What is checked of one that
// is not goes from cheap to dear: whether it was just refused, its form, its issuer, its claims, and last its
// signature, with keys of that issuer only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/ip.h"
#include "base/time.h"
#include "filters/auth/attributes.h"
#include "filters/auth/issuer.h"
#include "filters/auth/refused_tokens.h"
#include "filters/auth/shared_auth_counts.h"
#include "filters/auth/shared_bad_tokens.h"
#include "filters/auth/verdict_cache.h"
#include "gateway/identity.h"
#include "jose/token.h"

namespace gatehouse::filters {

// The worker's part of an issuer; made at first use.
class KeyAccess {
 public:
  virtual KeysOfWorker& keys_of(const Issuer& issuer) = 0;

 protected:
  ~KeyAccess() = default;
};

// Thread: its worker.
class BearerTokens {
 public:
  static constexpr std::size_t kMaxToken = std::size_t{16} * 1024;

  // `secret`: of the process, for hashes.
  BearerTokens(std::size_t cache_bytes, const std::array<std::uint8_t, 32>& secret, AuthCounts& counts);

  struct Question {
    std::string_view token;
    const IssuerSet& issuers;
    KeyAccess& keys;
    SharedBadTokens& bad;
    const IpAddress& address;  // that is charged for a bad signature
    Time now;
    WallTime wall;
    Arena& arena;  // of what the answer is made
  };
  struct Answer {
    gateway::Caller caller;
    // The issuer has no such key as yet: `caller` says what that means if it stays so, and `generation` is of
    // the keys that were tried.
    const Issuer* unknown_key_of = nullptr;
    std::uint64_t generation = 0;
  };
  Answer judge(const Question& q);

 private:
  const Issuer* still_good(VerdictCache::Entry& e, const Question& q, std::int64_t now_s);
  Answer known(VerdictCache::Entry& e, const Issuer& issuer, const Question& q, std::int64_t now_s);
  Answer judge_anew(const Question& q, std::int64_t now_s);
  Answer verify(const jose::Token& token, const Issuer& issuer, const Digest& digest, const Question& q,
                std::int64_t now_s);
  Answer accept(const jose::Token& token, const Issuer& issuer, const KeysInForce& keys, const jose::Key& key,
                const Digest& digest, const Question& q, std::int64_t now_s);
  bool known_as_bad(const Digest& digest, const Question& q, std::int64_t now_s, jose::Fault& fault);
  void keep(std::string_view token, const VerdictCache::Verdict& verdict, std::int64_t now_s);

  std::array<char, 32> secret_;
  AuthCounts& counts_;
  VerdictCache cache_;
  RefusedTokens refused_;
  Sha256 sha256_;
  jose::TokenReader reader_;
  AttributeWriter writer_;
};

}  // namespace gatehouse::filters
