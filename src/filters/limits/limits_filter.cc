#include "filters/limits/limits_filter.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "filters/limits/limit_headers.h"
#include "filters/limits/limit_inspection.h"
#include "filters/limits/limit_key.h"
#include "filters/limits/limit_policy.h"
#include "filters/limits/limiter.h"
#include "filters/limits/limits_task.h"
#include "gateway/exchange.h"
#include "gateway/problem.h"
#include "gateway/retry_after.h"
#include "gateway/worker.h"

namespace gatehouse::filters {
namespace {

using config::LimitCost;
using gateway::Exchange;
using gateway::Refusal;
using gateway::Reply;
using gateway::Verdict;

constexpr Error kRefused{Errc::rate_limited, Origin::client, Retry::never,
                         "more requests than a limit allows"};

// ---- which limits a request meets
// ----------------------------------------------------------------------------

bool matches(const LimitUse& use, Exchange& x) { return use.when.empty() || x.holds(use.when); }

// A header's number, from 1 to `most`; 1 where there is none.
std::uint64_t cost_of(std::string_view text, std::uint64_t most) noexcept {
  std::uint64_t units = 1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), units);
  if (error == std::errc::result_out_of_range) return most;
  if (error != std::errc() || end != text.data() + text.size()) return 1;
  return std::clamp<std::uint64_t>(units, 1, most);
}

std::string_view header_named(const http::HeaderTable& headers, std::string_view name) noexcept {
  const http::Header* h = headers.find(name);
  return h ? h->value : std::string_view{};
}

// `refused`: no service will tell what it cost.
std::uint64_t units_of(const LimitCost& cost, const http::RequestHead& request, bool refused) noexcept {
  if (cost.from == LimitCost::From::request_header)
    return cost_of(header_named(request.headers, cost.header), cost.units);
  return refused && cost.from == LimitCost::From::response_header ? 1 : cost.units;
}

// What a request meets, at most `policy.most` limits.
class Meeting {
 public:
  Meeting(const LimitPolicy& policy, Exchange& x, bool refused, MetLimits& met)
      : x_(x), refused_(refused), keys_(countable(x), refused, policy.table->secret()), met_(met) {
    met = {.uses = x.arena().room_for<const LimitUse*>(policy.most),
           .charges = x.arena().room_for<Charge>(policy.most),
           .asked = true};
    each_general(
        policy, [&x](const LimitUse& use) { return matches(use, x); },
        [this](const LimitUse& use) { add(use); });
  }
  void add_own(const LimitUse* use) {
    if (use != nullptr && matches(*use, x_)) add(*use);
  }

 private:
  void add(const LimitUse& use) {
    std::construct_at(met_.uses + met_.count, &use);
    std::construct_at(met_.charges + met_.count, Charge{.limit = use.limit.get(),
                                                        .key = keys_.of(use),
                                                        .units = units_of(use.cost, x_.request(), refused_),
                                                        .dry_run = use.dry_run});
    ++met_.count;
  }
  Exchange& x_;
  const bool refused_;
  RequestKeys keys_;
  MetLimits& met_;
};

// ---- asking them
// ---------------------------------------------------------------------------------------------

// Which of them a charge is of, for who knows the charge alone.
const LimitUse& use_of(const MetLimits& met, const Charge& charge) noexcept {
  return *met.uses[&charge - met.charges];
}

std::int64_t now_of(Exchange& x) noexcept { return x.worker().loop().now().time_since_epoch().count(); }

// For the log, and for who asks whom it was.
void note(const LimitPolicy& policy, const MetLimits& met, const Charge* refusing, std::int64_t now,
          Exchange& x, bool refused) {
  const bool for_real = refusing != nullptr;
  for (std::uint32_t i = 0; i < met.count && refusing == nullptr; ++i)
    if (met.charges[i].refused) refusing = &met.charges[i];  // would have, in a dry run
  if (refusing == nullptr) return;
  const LimitUse& use = use_of(met, *refusing);
  x.record().limit = use.limit->name();
  x.record().limit_key = shown(counted_by(use, countable(x), refused), refusing->key, x.arena());
  if (for_real && !use.limit->is_whole())
    policy.talkers->note(x.worker().index(), use.limit->number(), refusing->key, x.record().limit_key, now);
}

// The charge that refuses, or null.
const Charge* ask(const LimitPolicy& policy, const MetLimits& met, Exchange& x, bool refused) {
  if (met.count == 0) return nullptr;
  const std::int64_t now = now_of(x);
  const Charge* refusing = test_and_charge(*policy.table, {met.charges, met.count}, now, x.worker().index());
  if (refusing != nullptr || policy.any_dry_run) note(policy, met, refusing, now, x, refused);
  return refusing;
}

// The answer to what a limit refuses: its own, or `usual`.
Reply reply_to(const MetLimits& met, const Charge& refusing, Exchange& x, Reply usual) {
  if (const config::ReplySpec* spec = use_of(met, refusing).reply) {
    usual = {.head = x.new_response(spec->status), .body = nullptr};
    for (const auto& h : spec->headers) usual.head->headers.add(h.name, h.value.reveal());
    if (x.request().method != http::Method::head)
      usual.body = upstream::make_in<upstream::TextBody>(x.arena(), spec->body.reveal());
  }
  if (refusing.wait != kForever)
    gateway::add_retry_after(Duration(refusing.wait), x.worker().loop().random(), usual.head->headers,
                             x.arena());
  add_limit_headers(met, usual.head->headers, x.arena());
  return usual;
}

net::Task<Verdict> refuse(const Charge& refusing, MetLimits met, Exchange& x) {
  Reply usual = co_await x.refuse({.error = kRefused});
  co_return Verdict::reply(reply_to(met, refusing, x, std::move(usual)));
}

// ---- steps
// ---------------------------------------------------------------------------------------------------

Verdict on_request(const void* filter, Exchange& x) {
  const auto& route = *static_cast<const RouteLimits*>(filter);
  MetLimits& met = x.slot<MetLimits>(route.slot);
  Meeting meeting(*route.policy, x, false, met);
  if (!route.of_services.empty()) meeting.add_own(route.of_service(x.record().service));
  meeting.add_own(route.own);
  if (met.count == route.all) met.policies = route.all_policies;
  const Charge* refusing = ask(*route.policy, met, x, false);
  if (refusing == nullptr) [[likely]]
    return Verdict::next();
  const MetLimits told = std::exchange(met, {.asked = true});  // of all of them with this reply
  return Verdict::later(refuse(*refusing, told, x));
}

Verdict on_response(const void* filter, Exchange& x, Reply& reply) {
  const auto& route = *static_cast<const RouteLimits*>(filter);
  add_limit_headers(x.slot<MetLimits>(route.slot), reply.head->headers, x.arena());
  return Verdict::next();
}

// What a request cost is known: what was held beyond it goes back. A call that failed has told nothing, and
// cost 1.
Verdict settle(const void* filter, Exchange& x, Reply& reply) {
  const auto& route = *static_cast<const RouteLimits*>(filter);
  const MetLimits& met = x.slot<MetLimits>(route.slot);
  for (std::uint32_t i = 0; i < met.count; ++i) {
    const LimitCost& cost = met.uses[i]->cost;
    Charge& charge = met.charges[i];
    if (cost.from != LimitCost::From::response_header || !charge.charged) continue;
    const std::uint64_t units = cost_of(header_named(reply.head->headers, cost.header), cost.units);
    if (units >= charge.units) continue;
    charge.debt -= take_back(*route.policy->table, charge, charge.units - units, now_of(x));
    charge.charged = false;  // settled: once
    charge.limit->counts(x.worker().index()).returned.add();
  }
  return Verdict::next();
}

// Whether the request's limits were asked before it was refused.
bool was_asked(const LimitPolicy& policy, Exchange& x) {
  const std::span<const gateway::CompiledRoute> routes = x.snapshot().routes();
  const auto position = static_cast<std::size_t>(x.route() - routes.data());
  if (x.route() == nullptr || x.route() < routes.data() || position >= routes.size()) return false;
  const RouteLimits* route = policy.routes[position];
  return route != nullptr && x.slot<MetLimits>(route->slot).asked;
}

Verdict on_refusal(const void* filter, Exchange& x, const Refusal& refusal, Reply& reply) {
  const auto& policy = *static_cast<const LimitPolicy*>(filter);
  switch (errc_info(refusal.error.code).status) {
    case 401:
    case 403:
    case 404:
    case 405: break;
    default: return Verdict::next();
  }
  if (was_asked(policy, x)) return Verdict::next();
  MetLimits met;
  const Meeting meeting(policy, x, true, met);
  const Charge* refusing = ask(policy, met, x, true);
  if (refusing == nullptr) {
    add_limit_headers(met, reply.head->headers, x.arena());
    return Verdict::next();
  }
  x.record().reason = kRefused.code;
  x.record().detail = kRefused.detail;
  return Verdict::reply(reply_to(met, *refusing, x, gateway::problem_reply(x, kRefused)));
}

// ---- compile
// -------------------------------------------------------------------------------------------------

template <class Context>
std::shared_ptr<LimitPolicy> policy_of(const Context& context, config::Diagnostics& diagnostics) {
  const auto policy = context.filters.template shared<LimitPolicy>([&] {
    return compile_limits(context.spec, context.registry, context.snapshot.conditions, diagnostics);
  });
  context.filters.template shared<gateway::LimitInspector>(
      [&] { return limit_inspector(policy, context.snapshot.conditions); });
  return policy;
}

class LimitsFilter final : public gateway::FilterKind {
 public:
  std::string_view name() const noexcept override { return "limits"; }

  void compile(const gateway::RouteContext& context, gateway::Chain& chain,
               config::Diagnostics& diagnostics) const override {
    if (!has_limits(context.spec)) return;
    const std::shared_ptr<LimitPolicy> policy = policy_of(context, diagnostics);
    RouteLimits route;
    route.policy = policy.get();
    if (context.route.limit) route.own = policy->own(*context.route.limit);
    add_services(context, *policy, route);
    route.told_costs = tells_costs(*policy, route);
    if (policy->general.empty() && route.own == nullptr && route.of_services.empty()) {
      policy->routes.push_back(nullptr);
      return;
    }
    route.slot = chain.reserve_slot<MetLimits>();
    prepare_policies(*policy, route);
    const RouteLimits* kept = context.filters.own(std::move(route));
    policy->routes.push_back(kept);
    chain.request.push_back({&on_request, kept});
    chain.response.push_back({&on_response, kept});
  }

  void compile(const gateway::ListenerContext& context, gateway::ListenerChain& chain,
               config::Diagnostics& diagnostics) const override {
    if (context.spec.limits.empty()) return;
    chain.refusal.push_back({&on_refusal, policy_of(context, diagnostics).get()});
  }

  std::unique_ptr<gateway::BackgroundTask> background(
      const gateway::BackgroundContext& context) const override {
    return limits_task(context);
  }
  std::span<const gateway::MetricFamily> metrics() const noexcept override { return limit_metrics(); }

 private:
  static void add_services(const gateway::RouteContext& context, const LimitPolicy& policy,
                           RouteLimits& route) {
    for (const config::Target& target : context.route.to) {
      const auto service =
          std::ranges::find(context.spec.services, target.service, &config::ServiceSpec::name);
      if (service != context.spec.services.end() && service->limit && !route.of_service(service->name))
        route.of_services.push_back({service->name, policy.own(*service->limit)});
    }
  }
  // Where it is certain which limits a request meets that meets so many: not with several services.
  static void prepare_policies(const LimitPolicy& policy, RouteLimits& route) {
    if (route.of_services.size() > 1) return;
    auto add = [&](const LimitUse* use) {
      if (use == nullptr) return;
      ++route.all;
      if (use->standard) route.all_policies += (route.all_policies.empty() ? "" : ", ") + use->policy;
    };
    for (const LimitUse* use : policy.general)
      if (!use->is_default) add(use);
    add(policy.main);
    for (const RouteLimits::OfService& s : route.of_services) add(s.use);
    add(route.own);
  }
  static bool tells_costs(const LimitPolicy& policy, const RouteLimits& route) {
    auto told = [](const LimitUse* use) {
      return use != nullptr && use->cost.from == LimitCost::From::response_header;
    };
    return std::ranges::any_of(policy.general, told) || told(route.own) ||
           std::ranges::any_of(route.of_services, [&](const auto& s) { return told(s.use); });
  }
};

// Reads what a response tells before anybody changes its headers.
class LimitCostsFilter final : public gateway::FilterKind {
 public:
  std::string_view name() const noexcept override { return "limit costs"; }
  void compile(const gateway::RouteContext& context, gateway::Chain& chain,
               config::Diagnostics&) const override {
    const auto policy = context.filters.find<LimitPolicy>();
    const RouteLimits* route = policy && !policy->routes.empty() ? policy->routes.back() : nullptr;
    if (route != nullptr && route->told_costs) chain.response.push_back({&settle, route});
  }
};

}  // namespace

std::unique_ptr<gateway::FilterKind> limits_filter() { return std::make_unique<LimitsFilter>(); }
std::unique_ptr<gateway::FilterKind> limit_costs_filter() { return std::make_unique<LimitCostsFilter>(); }

}  // namespace gatehouse::filters
