#include "filters/limits/limit_inspection.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "config/values.h"
#include "filters/limits/limit_key.h"
#include "filters/limits/limiter.h"

namespace gatehouse::filters {
namespace {

using gateway::LimitFinding;

class Inspection {
 public:
  Inspection(const LimitPolicy& policy, const gateway::ConditionTable& conditions, gateway::RouteQuery query,
             const gateway::Identity* identity, bool refused, std::optional<Time> now)
      : policy_(policy),
        conditions_(conditions),
        query_(query),
        countable_{.request = *query.request, .client = client_, .identity = identity},
        refused_(refused),
        now_(now) {
    client_.bytes = query.client;
    attributes_.items = identity ? identity->attributes : std::span<const gateway::Attribute>{};
    query_.attributes = &attributes_;
  }

  void general() {
    each_general(
        policy_, [this](const LimitUse& use) { return matches(use); },
        [this](const LimitUse& use) { add(use); });
  }
  void of(const config::RouteSpec& route, const RouteLimits& limits) {
    countable_.route = route.name;
    // Which of several it would be is not known.
    auto same = [&](const config::Target& t) { return t.service == route.to.front().service; };
    if (!route.to.empty() && std::ranges::all_of(route.to, same))
      countable_.service = route.to.front().service;
    general();
    for (const RouteLimits::OfService& s : limits.of_services) {
      countable_.service = s.service;
      if (matches(*s.use)) add(*s.use);
    }
    if (limits.own != nullptr && matches(*limits.own)) add(*limits.own);
  }
  std::vector<LimitFinding> take() && { return std::move(found_); }

 private:
  bool matches(const LimitUse& use) {
    return use.when.empty() || std::ranges::any_of(use.when, [&](const auto& range) {
             return conditions_.holds(range, query_, scratch_) == gateway::Truth::yes;
           });
  }
  void add(const LimitUse& use) {
    const CountedBy counted = counted_by(use, countable_, refused_);
    const LimitKey key = key_of(use, counted, policy_.table->secret());
    LimitFinding f{.name = use.limit->name(),
                   .rate = config::show_rate(use.rate),
                   .per = counted.kind == CountedBy::Kind::address ? "ip" : config::show_limit_by(use.by()),
                   .counted = counted_for(counted, key),
                   .dry_run = use.dry_run};
    if (now_) {
      const Portion& portion = use.limit->terms().portion;
      const std::int64_t debt = debt_of(*policy_.table, *use.limit, key, now_->time_since_epoch().count());
      f.level = {.burst = portion.burst(),
                 .remaining = remaining(portion, debt),
                 .wait = Duration(decide(portion, debt, 0, 1).wait)};
    }
    found_.push_back(std::move(f));
  }

  // The hash of a header's value is one of the running gateway.
  std::string counted_for(const CountedBy& counted, const LimitKey& key) {
    if (!now_ && counted.kind == CountedBy::Kind::header) return "its value";
    return std::string(shown(counted, key, arena_));
  }

  const LimitPolicy& policy_;
  const gateway::ConditionTable& conditions_;
  gateway::ConditionScratch scratch_;
  BlockPool pool_;
  Arena arena_{pool_};
  IpAddress client_;
  gateway::Attributes attributes_;
  gateway::RouteQuery query_;
  Countable countable_;
  const bool refused_;
  const std::optional<Time> now_;
  std::vector<LimitFinding> found_;
};

class Inspector final : public gateway::LimitInspector {
 public:
  Inspector(std::shared_ptr<const LimitPolicy> policy, const gateway::ConditionTable& conditions)
      : policy_(std::move(policy)), conditions_(conditions) {}

  std::vector<LimitFinding> inspect(const gateway::RouteQuery& query, const gateway::Identity* identity,
                                    const config::Spec& spec, std::optional<std::uint32_t> route,
                                    std::optional<Time> now) const override {
    Inspection inspection(*policy_, conditions_, query, identity, !route, now);
    if (!route) {
      inspection.general();
    } else if (const RouteLimits* limits = policy_->routes[*route]) {
      inspection.of(spec.routes[*route], *limits);
    }
    return std::move(inspection).take();
  }

 private:
  const std::shared_ptr<const LimitPolicy> policy_;
  const gateway::ConditionTable& conditions_;
};

}  // namespace

std::shared_ptr<gateway::LimitInspector> limit_inspector(std::shared_ptr<const LimitPolicy> policy,
                                                         const gateway::ConditionTable& conditions) {
  return std::make_shared<Inspector>(std::move(policy), conditions);
}

}  // namespace gatehouse::filters
