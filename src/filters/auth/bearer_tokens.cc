#include "filters/auth/bearer_tokens.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>

namespace gatehouse::filters {
namespace {

using Answer = BearerTokens::Answer;

// How long a verdict is kept at most: so long as a token that is used all the time is not looked at again.
constexpr std::int64_t kKeptSeconds = 300;

std::uint64_t seed_of(const std::array<std::uint8_t, 32>& secret) noexcept {
  std::uint64_t seed;
  std::memcpy(&seed, secret.data(), sizeof seed);
  return seed;
}

std::int64_t seconds_of(WallTime wall) noexcept {
  return std::chrono::floor<std::chrono::seconds>(wall).time_since_epoch().count();
}

Answer refused(const Error& error) { return {.caller = {.identity = nullptr, .refused = error}}; }
Answer refused(jose::Fault fault) { return refused(error_of(fault)); }

constexpr Error kTooManyBad{Errc::too_many_bad_tokens, Origin::client, Retry::never,
                            "too many tokens with bad signatures came from this address"};

Answer accepted(const Issuer& issuer, std::string_view attributes, const BearerTokens::Question& q) {
  auto* identity = q.arena.make<gateway::Identity>();
  identity->attributes = read_attributes(attributes, q.issuers.asked, q.arena);
  identity->user = identity->attributes.front().value;
  identity->issuer = issuer.name;
  identity->method = "jwt";
  return {.caller = {.identity = identity}};
}

// The first second at which it is not good any more.
std::int64_t end_of(const jose::Token& token, const Issuer& issuer) noexcept {
  const std::int64_t exp = token.claims().expires().value_or(0);
  const std::int64_t leeway = issuer.expected.leeway_s;
  return exp > std::numeric_limits<std::int64_t>::max() - leeway ? std::numeric_limits<std::int64_t>::max()
                                                                 : exp + leeway;
}

}  // namespace

BearerTokens::BearerTokens(std::size_t cache_bytes, const std::array<std::uint8_t, 32>& secret,
                           AuthCounts& counts)
    : counts_(counts), cache_(cache_bytes, seed_of(secret)), reader_({.max_bytes = kMaxToken}) {
  std::memcpy(secret_.data(), secret.data(), secret.size());
}

Answer BearerTokens::judge(const Question& q) {
  const std::int64_t now_s = seconds_of(q.wall);
  if (VerdictCache::Entry* e = cache_.find(q.token)) [[likely]] {
    if (const Issuer* issuer = still_good(*e, q, now_s)) [[likely]] {
      counts_.cache_hits.add();
      return known(*e, *issuer, q, now_s);
    }
    cache_.erase(*e);
  }
  counts_.cache_misses.add();
  return judge_anew(q, now_s);
}

// `nbf` was looked at when it was verified: time goes on, and a clock that is set back harms nobody. But the
// key has to be in force still.
const Issuer* BearerTokens::still_good(VerdictCache::Entry& e, const Question& q, std::int64_t now_s) {
  if (now_s >= e.verdict.ends) return nullptr;
  const Issuer* issuer = q.issuers.numbered(e.verdict.issuer);
  if (issuer == nullptr || issuer->ring->generation() == e.verdict.generation) [[likely]]
    return issuer;
  const KeysInForce& keys = q.keys.keys_of(*issuer).in_force();
  if (!keys.holds(e.verdict.key)) return nullptr;
  e.verdict.generation = keys.generation;
  return issuer;
}

Answer BearerTokens::known(VerdictCache::Entry& e, const Issuer& issuer, const Question& q,
                           std::int64_t now_s) {
  if (e.verdict.shape == issuer.shape->value()) [[likely]]
    return accepted(issuer, e.attributes(), q);
  // Another configuration asks for other claims: they are read from the token, which is as good as it was.
  VerdictCache::Verdict verdict = e.verdict;
  verdict.shape = issuer.shape->value();
  cache_.erase(e);
  const auto token = reader_.read(q.token);
  if (!token ||
      !write_attributes(token->claims(), issuer.user_claim, issuer.user_prefix, q.issuers.asked, writer_))
    return refused(kNoUser);
  keep(q.token, verdict, now_s);
  return accepted(issuer, writer_.finish(), q);
}

void BearerTokens::keep(std::string_view token, const VerdictCache::Verdict& verdict, std::int64_t now_s) {
  const std::uint64_t evicted = cache_.evicted();
  cache_.insert(token, verdict, writer_.finish(), now_s);
  counts_.cache_evicted.add(cache_.evicted() - evicted);
  counts_.cache_entries.set(static_cast<std::int64_t>(cache_.entries()));
  counts_.cache_bytes.set(static_cast<std::int64_t>(cache_.bytes()));
}

bool BearerTokens::known_as_bad(const Digest& digest, const Question& q, std::int64_t now_s,
                                jose::Fault& fault) {
  const RefusedTokens::Finding* f = refused_.find(digest, now_s);
  if (f == nullptr || f->judged_by != q.issuers.number->value()) return false;
  if (f->fault == jose::Fault::bad_signature && q.issuers.all[f->issuer].ring->generation() != f->generation)
    return false;
  fault = f->fault;
  return true;
}

Answer BearerTokens::judge_anew(const Question& q, std::int64_t now_s) {
  if (q.token.size() > kMaxToken) return refused(jose::Fault::too_large);
  const Digest digest = sha256_({secret_.data(), secret_.size()}, q.token);
  jose::Fault fault{};
  if (known_as_bad(digest, q, now_s, fault)) {
    counts_.refused_again.add();
    return refused(fault);
  }
  // What is not even well-formed is not remembered: to see that costs no more than to hash it.
  const auto token = reader_.read(q.token);
  if (!token) return refused(token.error());
  const auto iss = token->claims().issuer();
  const Issuer* issuer = iss ? q.issuers.of(*iss) : nullptr;
  std::expected<void, jose::Fault> claims = std::unexpected(jose::Fault::wrong_issuer);
  if (issuer != nullptr) claims = jose::check_claims(*token, issuer->expected, now_s);
  if (!claims) {
    if (jose::is_final(claims.error()))
      refused_.add(digest, {.fault = claims.error(), .judged_by = q.issuers.number->value()}, now_s);
    return refused(claims.error());
  }
  return verify(*token, *issuer, digest, q, now_s);
}

Answer BearerTokens::verify(const jose::Token& token, const Issuer& issuer, const Digest& digest,
                            const Question& q, std::int64_t now_s) {
  if (q.bad.wait(q.address, q.now) > Duration{}) {
    counts_.refused_rate.add();
    return refused(kTooManyBad);
  }
  const KeysInForce& keys = q.keys.keys_of(issuer).in_force();
  const Signature signature = check_signature(token, keys);
  if (signature.found == Signature::Found::good)
    return accept(token, issuer, keys, *signature.key, digest, q, now_s);
  const bool may_come = signature.found == Signature::Found::no_such_key && issuer.fetched;
  if (signature.tries > 0) {
    counts_.verified_bad.add();
    // Where the right key may yet come, whoever waits for it is charged when it has not.
    if (!may_come) q.bad.charge(q.address, q.now);
  }
  const jose::Fault fault = signature.tries > 0 || signature.found == Signature::Found::bad
                                ? jose::Fault::bad_signature
                                : jose::Fault::unknown_key;
  // An issuer may have given a new key the name of the old: it is asked, at most once in five seconds, but
  // nobody waits, for nearly all such tokens are forged.
  const bool named = signature.found == Signature::Found::bad || signature.found == Signature::Found::revoked;
  if (named && issuer.fetched) issuer.ring->demand();
  Answer answer = refused(fault);
  if (may_come) {
    answer.unknown_key_of = &issuer;
    answer.generation = keys.generation;
  } else if (fault == jose::Fault::bad_signature) {
    refused_.add(digest,
                 {.fault = fault,
                  .judged_by = q.issuers.number->value(),
                  .issuer = static_cast<std::uint32_t>(&issuer - q.issuers.all.data()),
                  .generation = keys.generation},
                 now_s);
  }
  return answer;
}

Answer BearerTokens::accept(const jose::Token& token, const Issuer& issuer, const KeysInForce& keys,
                            const jose::Key& key, const Digest& digest, const Question& q,
                            std::int64_t now_s) {
  counts_.verified_good.add();
  if (!write_attributes(token.claims(), issuer.user_claim, issuer.user_prefix, q.issuers.asked, writer_)) {
    refused_.add(digest, {.fault = jose::Fault::malformed, .judged_by = q.issuers.number->value()}, now_s);
    return refused(kNoUser);
  }
  const VerdictCache::Verdict verdict{.issuer = issuer.number->value(),
                                      .shape = issuer.shape->value(),
                                      .generation = keys.generation,
                                      .ends = std::min(end_of(token, issuer), now_s + kKeptSeconds),
                                      .key = key.thumbprint()};
  keep(q.token, verdict, now_s);
  return accepted(issuer, writer_.finish(), q);
}

}  // namespace gatehouse::filters
