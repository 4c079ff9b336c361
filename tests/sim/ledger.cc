#include "sim/ledger.h"

#include <algorithm>
#include <cstdio>

namespace gatehouse::sim {
namespace {

constexpr std::size_t kLingerBytes = 150'000;  // a lower bound of what the gateway reads while it lingers

}  // namespace

Ledger::Ledger(const Clock& clock, const Plan& plan, bool verbose)
    : clock_(clock), plan_(plan), start_(clock.now()), verbose_(verbose) {
  for (const auto& c : plan.connections) {
    for (const auto& r : c.requests) {
      Entry& e = entries_[r.id];
      e.plan = &r;
      e.connection = connections.size();
      e.from = c.from;
    }
    connections.push_back({.plan = &c});
  }
  for (const auto& c : plan.connections) {
    std::size_t behind = 0;
    bool cut = false;  // a later one ends the connection, with what it has not read
    for (std::size_t i = c.requests.size(); c.pipelined && i > 0; --i) {
      const RequestPlan& r = c.requests[i - 1];
      bool slow = behind > 0 && plan.faults.long_delay > 0;
      entries_[r.id].flooded = behind > kLingerBytes || slow || cut;
      behind += 300 + r.body.size;
      cut = cut || r.misbehaviour != Misbehaviour::none || plan.too_large(r.body) ||
            std::ranges::any_of(r.acts, [](const auto& a) { return a.act >= Act::reset_after_head; });
    }
  }
}

Entry* Ledger::find(std::uint64_t id) noexcept {
  auto e = entries_.find(id);
  return e == entries_.end() ? nullptr : &e->second;
}

void Ledger::excuse(std::uint64_t id, std::string_view why) {
  Entry& e = of(id);
  if (!e.excused) trace("r{}: excused, {}", id, why);
  e.excused = true;
}

void Ledger::violate(std::string text) {
  trace("VIOLATION {}", text);
  violations_.push_back(std::move(text));
}

void Ledger::print(const std::string& line) const {
  fmt::print("{:12.6f} {}\n", std::chrono::duration<double>(clock_.now() - start_).count(), line);
}

}  // namespace gatehouse::sim
