// All that `auth` of a configuration comes to: compiled once a snapshot, shared by its routes and listeners.
// Immutable once the snapshot is compiled; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "filters/auth/api_keys.h"
#include "filters/auth/auth_rule.h"
#include "filters/auth/identity_headers.h"
#include "filters/auth/issuer.h"
#include "filters/auth/key_source.h"
#include "filters/auth/shared_auth_counts.h"
#include "filters/auth/shared_bad_tokens.h"
#include "gateway/local_place.h"
#include "gateway/snapshot.h"

namespace gatehouse::filters {

struct AuthPolicy {
  IssuerSet issuers;
  std::unique_ptr<const ApiKeys> api_keys;  // null: there are none
  IdentityHeaders send;
  std::shared_ptr<const gateway::LocalPlace> place;  // of WorkerAuth
  std::size_t cache_bytes = 0;                       // of one worker
  std::array<std::uint8_t, 32> secret{};
  std::shared_ptr<SharedBadTokens> bad;
  std::shared_ptr<SharedAuthCounts> counts;
  gateway::ConditionTable::Range public_paths;  // of `auth.public`; no condition: it names none
  std::deque<AuthRule> rules;                   // addresses stay

  // While the snapshot is compiled: each rule of the configuration once.
  const AuthRule* rule(const config::AuthRule& from, gateway::ConditionTable& conditions,
                       config::Diagnostics& diagnostics);

 private:
  std::map<const config::AuthRule*, const AuthRule*> compiled_;
};

// `auth.public` as a condition on the path: regexes and all.
config::Condition public_condition(const config::AuthSpec& auth);

// The registry keeps what outlives it: the keys of issuers, counts, and what numbers stand for. Adds the
// issuers' keys to KeySources of `filters`. `spec.auth` is there. Keys of a file that are of no use are
// errors.
std::shared_ptr<AuthPolicy> compile_policy(const config::Spec& spec, gateway::StateRegistry& registry,
                                           gateway::FilterStore& filters, gateway::SnapshotContext& snapshot,
                                           config::Diagnostics& diagnostics);

}  // namespace gatehouse::filters
