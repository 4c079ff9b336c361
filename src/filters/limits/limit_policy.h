// The limits of a snapshot, compiled.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "filters/limits/shared_limit.h"
#include "filters/limits/shared_limit_table.h"
#include "filters/limits/shared_talkers.h"
#include "gateway/condition.h"
#include "gateway/snapshot.h"
#include "http/header.h"

namespace gatehouse::filters {

struct LimitPolicy;

// A limit as this snapshot uses it. Immutable.
struct LimitUse {
  std::shared_ptr<SharedLimit> limit;
  config::Rate rate;
  Portion portion;                                   // of it; in force once the snapshot is
  LimitKey identity{};                               // mixed into its keys
  std::vector<gateway::ConditionTable::Range> when;  // any of; empty = always
  bool is_default = false;
  bool replaces_default = false;  // meant for some, and counts them apart
  std::string claim;              // `claim.org`, of what counts by a claim
  config::LimitCost cost;
  bool dry_run = false;
  bool standard = false;                     // clients are told by RateLimit
  bool legacy = false;                       // clients are told by X-RateLimit-*
  const config::ReplySpec* reply = nullptr;  // of the snapshot's Spec; null = problem document
  std::string policy;                        // `"default";q=200;w=2`
  std::string name;                          // `"default"`, for RateLimit

  const config::LimitBy& by() const noexcept { return limit->by(); }
};

// Of one route.
struct RouteLimits {
  struct OfService {
    std::string_view service;
    const LimitUse* use;
  };
  const LimitPolicy* policy = nullptr;
  const LimitUse* own = nullptr;         // the route's; may be null
  std::vector<OfService> of_services{};  // of those that have one
  bool told_costs = false;               // a response may tell what a request cost
  std::uint32_t slot = 0;                // where its requests keep what they met
  // Of a request that meets all there may be, what RateLimit-Policy says.
  std::uint32_t all = 0;
  std::string all_policies{};

  const LimitUse* of_service(std::string_view service) const noexcept {
    for (const OfService& s : of_services)
      if (s.service == service) return s.use;
    return nullptr;
  }
};

struct LimitPolicy {
  std::shared_ptr<SharedLimitTable> table;
  std::shared_ptr<SharedTalkers> talkers;
  // Those at the top of the configuration, and those of services and routes; addresses stay.
  std::vector<std::unique_ptr<const LimitUse>> all;
  std::unordered_map<std::string_view, const LimitUse*> by_name;
  std::vector<const LimitUse*> general;  // at the top
  const LimitUse* main = nullptr;        // `default`, one of them
  bool any_dry_run = false;
  std::size_t most = 0;                    // that may meet in one request
  std::vector<const RouteLimits*> routes;  // by the route's position; null: it has none

  const LimitUse* own(const config::LimitSpec& spec) const noexcept;  // of a service or route; by its name
};

// Calls `add(use)` for each limit at the top that a request meets, one for which `matches(use)` holds:
// `default` last, and only where none stands in its place.
template <class Matches, class Add>
void each_general(const LimitPolicy& policy, const Matches& matches, const Add& add) {
  bool replaced = false;
  for (const LimitUse* use : policy.general) {
    if (use->is_default || !matches(*use)) continue;
    add(*use);
    replaced = replaced || use->replaces_default;
  }
  if (policy.main != nullptr && !replaced && matches(*policy.main)) add(*policy.main);
}

// Of all configuration: made once a snapshot.
std::shared_ptr<LimitPolicy> compile_limits(const config::Spec& spec, gateway::StateRegistry& registry,
                                            gateway::ConditionTable& conditions,
                                            config::Diagnostics& diagnostics);

// Whether the configuration has any limit.
bool has_limits(const config::Spec& spec) noexcept;

}  // namespace gatehouse::filters
