// Judges a request's credentials on its worker: at once where that can be, else when the keys are there.
#pragma once

#include <memory>

#include "filters/auth/auth_policy.h"
#include "filters/auth/bearer_tokens.h"
#include "gateway/exchange.h"
#include "gateway/worker.h"

namespace gatehouse::filters {

// What a worker keeps: verified tokens, and the keys of issuers. At AuthPolicy::place.
class WorkerAuth final : public KeyAccess {
 public:
  // When keys have changed all who waited are judged again; not in one turn, in which nobody else is served.
  static constexpr std::uint64_t kVerificationsInTurn = 16;

  WorkerAuth(gateway::Worker& worker, const AuthPolicy& policy)
      : worker_(worker),
        secret_(policy.secret),
        shared_(policy.counts),
        counts_(shared_->of(worker.index())),
        tokens_(policy.cache_bytes, policy.secret, counts_) {}

  static WorkerAuth& of(gateway::Worker& worker, const AuthPolicy& policy);
  KeysOfWorker& keys_of(const Issuer& issuer) override;
  BearerTokens& tokens() noexcept { return tokens_; }
  Sha256& sha256() noexcept { return sha256_; }
  net::TurnShare& verifications() noexcept { return verifications_; }  // of those who waited
  AuthCounts& counts() noexcept { return counts_; }

 private:
  gateway::Worker& worker_;
  std::array<std::uint8_t, 32> secret_;
  std::shared_ptr<SharedAuthCounts> shared_;
  AuthCounts& counts_;
  BearerTokens tokens_;
  Sha256 sha256_;
  net::TurnShare verifications_{kVerificationsInTurn};
};

// What a request's credentials are, as far as that can be said at once.
struct Attempt {
  gateway::Caller caller;
  // Not null: the issuer may publish the key of this token yet. Until then `caller` is a refusal.
  const Issuer* unknown_key_of = nullptr;
  std::uint64_t generation = 0;
  std::string_view token{};
};

Attempt attempt(const AuthPolicy& policy, gateway::Exchange& x);

// The same attempt, when the issuer has been asked again. `x` and the attempt's token outlive it.
net::Task<gateway::Caller> wait_for_key(const AuthPolicy& policy, gateway::Exchange& x, Attempt first);

// Asks the issuer again, but waits for nothing.
void ask_for_key(const AuthPolicy& policy, const gateway::Exchange& x, const Attempt& a);

}  // namespace gatehouse::filters
