#include "sim/crowd.h"

#include <algorithm>

#include "sim/setting.h"

namespace gatehouse::sim {
namespace {

struct Span {
  Time from = kNever;
  Time to{};
};

std::size_t most_at_once(const std::vector<Span>& spans) {
  std::size_t most = 0;
  for (const Span& s : spans)  // the most are there when one begins
    most = std::max(most, static_cast<std::size_t>(std::ranges::count_if(
                              spans, [&](const Span& o) { return o.from <= s.from && s.from < o.to; })));
  return most;
}

// Of `spans`, at any moment of `during`.
std::size_t most_during(const Span& during, std::vector<Span> spans) {
  for (Span& s : spans) s = {std::max(s.from, during.from), std::min(s.to, during.to)};
  std::erase_if(spans, [](const Span& s) { return s.from >= s.to; });
  return most_at_once(spans);
}

// The gateway has taken it to the service, and cannot have had the end of the answer yet.
bool has_certain_span(const Entry& e) {
  return e.by_service && e.answer == Entry::Answer::whole && e.deliveries.back().answering_at != kNever;
}

Span possible_span(const Entry& e) { return {e.began_at, e.recorded_at}; }

// A connection is open from its first request at a service to the last, if both were answered.
Span certain_span(const Ledger& ledger, std::size_t connection) {
  Span span;
  for (const RequestPlan& r : ledger.connections[connection].plan->requests) {
    const Entry& e = ledger.of(r.id);
    if (!has_certain_span(e)) continue;
    span.from = std::min(span.from, e.deliveries.back().head_at);
    span.to = std::max(span.to, e.deliveries.back().answering_at);
  }
  return span;
}

Span possible_span(const Ledger& ledger, const ConnectionEntry& c) {
  // What the gateway does after its client has left: it hears of it, lingers, or waits for an answer.
  Duration rest = ledger.plan().slack() + (ledger.plan().half_close ? Duration(60s) : Duration(2s));
  return {c.began, after(c.ended, rest)};
}

}  // namespace

void check_crowds(Ledger& ledger) {
  const LimitPlan& limits = ledger.plan().limits;
  std::vector<Span> at_gamma;
  for (const auto& [id, e] : ledger.entries())
    if (may_answer("gamma", *e.plan) && has_certain_span(e))
      at_gamma.push_back({e.deliveries.back().head_at, e.deliveries.back().answering_at});
  if (std::size_t n = most_at_once(at_gamma); n > limits.max_in_flight)
    ledger.violate(fmt::format("{} requests at once at gamma, which has max_in_flight", n));
  if (limits.per_address == 0) return;
  for (const IpAddress& from : {kHome, kOffice, kStranger}) {
    std::vector<Span> open;
    for (std::size_t i = 0; i < ledger.connections.size(); ++i)
      if (ledger.connections[i].plan->from == from) open.push_back(certain_span(ledger, i));
    if (std::size_t n = most_at_once(open); n > limits.per_address)
      ledger.violate(fmt::format("{} connections at once of {}, beyond per_address", n, to_string(from)));
  }
}

bool was_saturated(const Ledger& ledger, std::uint64_t id) {
  std::vector<Span> others;
  for (const auto& [other, e] : ledger.entries())
    if (other != id && e.attempted && may_answer("gamma", *e.plan)) others.push_back(possible_span(e));
  return most_during(possible_span(ledger.of(id)), others) >= ledger.plan().limits.max_in_flight;
}

bool crowded_out(const Ledger& ledger, std::size_t connection) {
  const ConnectionEntry& mine = ledger.connections[connection];
  unsigned limit = ledger.plan().limits.per_address;
  if (limit == 0 || mine.received > 0) return false;
  std::vector<Span> others;
  for (const ConnectionEntry& c : ledger.connections)
    if (&c != &mine && c.plan->from == mine.plan->from && c.began != kNever)
      others.push_back(possible_span(ledger, c));
  return most_during(possible_span(ledger, mine), others) >= limit;
}

}  // namespace gatehouse::sim
