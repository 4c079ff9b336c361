// The limits of a snapshot, compiled.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "filters/limits/shared_limit.h"
#include "filters/limits/shared_limit_table.h"
#include "filters/limits/shared_talkers.h"
#include "gateway/condition.h"
#include "gateway/local_place.h"
#include "gateway/snapshot.h"
#include "http/header.h"

namespace gatehouse::filters {

// A limit as this snapshot uses it. Immutable.
struct LimitUse {
  std::shared_ptr<SharedLimit> limit;
  config::Rate rate;
  Portion portion;                                   // of it; in force once the snapshot is
  std::uint64_t seed = 0;                            // of its keys: the limit's identity
  std::vector<gateway::ConditionTable::Range> when;  // any of; empty = always
  bool is_default = false;
  bool replaces_default = false;  // meant for some, and counts them apart
  std::string claim;              // `claim.org`, of what counts by a claim
  config::LimitCost cost;
  bool dry_run = false;
  config::LimitHeaders headers = config::LimitHeaders::standard;
  const config::ReplySpec* reply = nullptr;  // of the snapshot's Spec; null = problem document
  std::string policy;                        // `"default";q=200;w=2`
  std::string name;                          // `"default"`, for RateLimit

  const config::LimitBy& by() const noexcept { return limit->by(); }
};

struct LimitPolicy {
  std::shared_ptr<SharedLimitTable> table;
  std::shared_ptr<SharedTalkers> talkers;
  std::shared_ptr<const gateway::LocalPlace> place;  // of WorkerLimits
  // Those at the top of the configuration, and those of services and routes; addresses stay.
  std::vector<std::unique_ptr<const LimitUse>> all;
  std::vector<const LimitUse*> general;  // at the top
  const LimitUse* main = nullptr;        // `default`, one of them
  bool any_dry_run = false;
  std::size_t most = 0;  // that may meet in one request
  // Where each route's requests keep what they met; by the route's position.
  static constexpr std::uint32_t kNoSlot = UINT32_MAX;
  std::vector<std::uint32_t> slots;

  const LimitUse* own(const config::LimitSpec& spec) const noexcept;  // of a service or route; by its name
};

// Of all configuration: made once a snapshot.
std::shared_ptr<LimitPolicy> compile_limits(const config::Spec& spec, gateway::StateRegistry& registry,
                                            gateway::ConditionTable& conditions,
                                            config::Diagnostics& diagnostics);

// Whether the configuration has any limit.
bool has_limits(const config::Spec& spec) noexcept;

// Of an older one too: the registry's table, whatever its size is now.
std::shared_ptr<SharedLimitTable> limit_table_of(gateway::StateRegistry& registry, std::uint64_t bytes);

}  // namespace gatehouse::filters
