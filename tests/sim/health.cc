#include "sim/health.h"

#include <algorithm>

#include "sim/setting.h"

namespace gatehouse::sim {
namespace {

constexpr Duration kGrace = 500ms;  // for what a check takes

// Only the services themselves make a check fail.
bool certain(const Plan& plan) noexcept {
  return !plan.breaks() && !plan.connect_trouble() && plan.faults.long_delay == 0 &&
         plan.faults.partial_send == 0 && plan.tls.failing_services == 0;
}

// Other endpoints may be out for reasons that the checks do not know.
bool others_may_be_out(const Plan& plan) noexcept {
  bool slow = plan.tls.services && (plan.faults.long_delay > 0 || plan.faults.partial_send > 0);
  return plan.breaks() || plan.connect_trouble() || plan.tls.failing_services > 0 || slow;
}

bool out_during(const std::vector<Outage>& outages, Time from, Time to) {
  return std::ranges::any_of(outages, [&](const Outage& o) { return o.from <= to && o.to >= from; });
}

bool out_throughout(const std::vector<Outage>& outages, Time from, Time to) {
  return std::ranges::any_of(outages, [&](const Outage& o) { return o.from < from && o.to > to; });
}

// The two that are always there.
constexpr std::size_t kStanding = 2;

void check_delivery(Ledger& ledger, std::uint64_t id, const Entry& e, const Delivery& d) {
  if (d.endpoint >= ledger.outages.size()) return;
  if (!out_throughout(ledger.outages[d.endpoint], e.began_at, d.head_at)) return;
  for (std::size_t other = 0; other < kStanding; ++other)
    if (other != d.endpoint && !out_during(ledger.outages[other], e.began_at, d.head_at))
      return ledger.violate(fmt::format("r{}: went to an endpoint that fails its checks", id));
}

void check_spell(Ledger& ledger, const HealthPlan::Spell& spell) {
  const HealthPlan& plan = ledger.plan().health;
  const auto& outages = ledger.outages[spell.endpoint];
  Time from = ledger.start() + spell.from;
  Time to = ledger.start() + spell.to;
  Time out_by = from + plan.every * (plan.fall + 1) + kGrace;
  Time back_by = to + plan.every * (plan.rise + 1) + kGrace;
  if (out_by < to && !std::ranges::any_of(outages, [&](auto& o) { return o.from <= out_by; }))
    ledger.violate(fmt::format("endpoint {} fails its checks and is not taken out", spell.endpoint));
  for (const Outage& o : outages) {
    if (o.from < from || o.from > to + plan.every + kGrace)
      ledger.violate(fmt::format("endpoint {} is taken out without need", spell.endpoint));
    if (o.to > back_by) ledger.violate(fmt::format("endpoint {} does not come back", spell.endpoint));
  }
}

}  // namespace

void note_health(Ledger& ledger, std::size_t endpoint, bool up) {
  ledger.trace("endpoint {} of alpha is {}", endpoint, up ? "up" : "out");
  auto& outages = ledger.outages[endpoint];
  if (!up) {
    outages.push_back({.from = ledger.now()});
  } else if (!outages.empty() && outages.back().to == kNever) {
    outages.back().to = ledger.now();
  }
}

void forget_health(Ledger& ledger, std::size_t endpoint) {
  auto& outages = ledger.outages[endpoint];
  if (!outages.empty() && outages.back().to == kNever) outages.back().to = ledger.now();
}

const HealthPlan::Spell* failing(const Ledger& ledger, std::size_t endpoint) noexcept {
  Duration elapsed = ledger.now() - ledger.start();
  for (const auto& s : ledger.plan().health.spells)
    if (s.endpoint == endpoint && s.from <= elapsed && elapsed < s.to) return &s;
  return nullptr;
}

Time health_settled(const Ledger& ledger) noexcept {
  const HealthPlan& plan = ledger.plan().health;
  Duration last{};
  for (const auto& s : plan.spells) last = std::max(last, s.to);
  return ledger.start() + last + plan.every * (plan.rise + 1) + kGrace;
}

void check_outages(Ledger& ledger) {
  const Plan& plan = ledger.plan();
  if (!plan.health.checked) return;
  if (!others_may_be_out(plan))
    for (const auto& [id, e] : ledger.entries())
      for (const Delivery& d : e.deliveries) check_delivery(ledger, id, e, d);
  if (!certain(plan)) return;
  for (const auto& s : plan.health.spells)
    if (s.endpoint < kStanding) check_spell(ledger, s);
  for (std::size_t i = 0; i < kStanding; ++i)
    if (!ledger.outages[i].empty() &&
        std::ranges::none_of(plan.health.spells, [&](const auto& s) { return s.endpoint == i; }))
      ledger.violate(fmt::format("endpoint {} is taken out without need", i));
}

}  // namespace gatehouse::sim
