#include "filters/auth/authenticator.h"

#include <cstring>

#include "filters/auth/credentials.h"

namespace gatehouse::filters {
namespace {

using gateway::Exchange;

constexpr Error kUndecided{Errc::identity_undecided, Origin::gateway, Retry::never,
                           "the keys of the token's issuer could not be fetched"};

Attempt judge_token(const AuthPolicy& policy, Exchange& x, std::string_view token) {
  WorkerAuth& worker = WorkerAuth::of(x.worker(), policy);
  const net::Loop& loop = x.worker().loop();
  const BearerTokens::Answer answer = worker.tokens().judge({.token = token,
                                                             .issuers = policy.issuers,
                                                             .keys = worker,
                                                             .bad = *policy.bad,
                                                             .address = x.client(),
                                                             .now = loop.now(),
                                                             .wall = loop.wall(),
                                                             .arena = x.arena()});
  return {answer.caller, answer.unknown_key_of, answer.generation, token};
}

gateway::Caller judge_api_key(const AuthPolicy& policy, Exchange& x, std::string_view key) {
  const auto identity =
      policy.api_keys->judge(key, WorkerAuth::of(x.worker(), policy).sha256(), x.worker().loop().wall());
  if (!identity) return {.identity = nullptr, .refused = identity.error()};
  return {.identity = *identity};
}

// No key came for a token whose signature had been tried with others.
void charge(const AuthPolicy& policy, const Exchange& x, const Attempt& a) noexcept {
  if (a.caller.refused && a.caller.refused->code == Errc::token_signature)
    policy.bad->charge(x.client(), x.worker().loop().now());
}

}  // namespace

WorkerAuth& WorkerAuth::of(gateway::Worker& worker, const AuthPolicy& policy) {
  return worker.local<WorkerAuth>(policy.place, [&] { return std::make_shared<WorkerAuth>(worker, policy); });
}

KeysOfWorker& WorkerAuth::keys_of(const Issuer& issuer) {
  return worker_.local<KeysOfWorker>(issuer.place, [&] {
    std::uint64_t seed;
    std::memcpy(&seed, secret_.data() + 16, sizeof seed);
    return std::make_shared<KeysOfWorker>(
        issuer.ring, KeyWaiters::make(worker_.loop(), issuer.ring, seed, counts_.waiting));
  });
}

Attempt attempt(const AuthPolicy& policy, Exchange& x) {
  const auto credentials = credentials_of(policy, x.request(), x.arena());
  if (!credentials) return {.caller = {.identity = nullptr, .refused = credentials.error()}};
  switch (credentials->method) {
    case Credentials::Method::bearer_token: return judge_token(policy, x, credentials->value);
    case Credentials::Method::api_key: return {.caller = judge_api_key(policy, x, credentials->value)};
    case Credentials::Method::none: break;
  }
  return {};
}

net::Task<gateway::Caller> wait_for_key(const AuthPolicy& policy, Exchange& x, Attempt first) {
  WorkerAuth& worker = WorkerAuth::of(x.worker(), policy);
  KeyWaiters::Place place(*worker.keys_of(*first.unknown_key_of).waiters, x.client(), first.generation);
  Attempt last = first;
  worker.counts().waited.add();
  for (;;) {
    switch (place.state()) {
      case KeyWaiters::State::changed:
        if (worker.verifications().spent(x.worker().loop().now())) co_await net::yield(x.worker().loop());
        last = judge_token(policy, x, last.token);
        if (last.unknown_key_of == nullptr) co_return last.caller;
        place.look_again(last.generation);
        break;
      case KeyWaiters::State::known: charge(policy, x, last); co_return last.caller;
      case KeyWaiters::State::unknown:
        charge(policy, x, last);
        worker.counts().undecided.add();
        co_return gateway::Caller{.identity = nullptr, .refused = kUndecided};
      case KeyWaiters::State::waiting: co_await place.wake(); break;
    }
  }
}

void ask_for_key(const AuthPolicy& policy, const Exchange& x, const Attempt& a) {
  a.unknown_key_of->ring->demand();
  charge(policy, x, a);
}

}  // namespace gatehouse::filters
