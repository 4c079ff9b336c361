#include "sim/ledger.h"

#include <cstdio>

namespace gatehouse::sim {

Ledger::Ledger(const Clock& clock, const Plan& plan, bool verbose)
    : clock_(clock), plan_(plan), start_(clock.now()), verbose_(verbose) {
  for (const auto& c : plan.connections)
    for (const auto& r : c.requests) entries_[r.id].plan = &r;
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
