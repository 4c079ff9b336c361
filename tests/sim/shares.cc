#include "sim/shares.h"

#include <cmath>

namespace gatehouse::sim {

bool Shares::Share::fair() const noexcept {
  auto n = static_cast<double>(in_all);
  double off = std::abs(static_cast<double>(taken) - n * expected);
  return off <= 1 + 5 * std::sqrt(n * expected * (1 - expected));
}

void Shares::count(const Entry& e) {
  if (e.deliveries.empty()) return;
  const std::string& service = e.deliveries.front().service;
  if (service.starts_with("split.")) {
    ++canary.in_all;
    canary.taken += service == "split.v2";
  }
  if (service == "left" || service == "right") {
    ++weights.in_all;
    weights.taken += service == "left";
  }
}

void Shares::add(const Shares& other) noexcept {
  canary.taken += other.canary.taken;
  canary.in_all += other.canary.in_all;
  weights.taken += other.weights.taken;
  weights.in_all += other.weights.in_all;
}

std::string Shares::text() const {
  return fmt::format("the canary got {} of {} (of {:.0f} %), the first of two weights {} of {} (of {:.0f} %)",
                     canary.taken, canary.in_all, canary.expected * 100, weights.taken, weights.in_all,
                     weights.expected * 100);
}

}  // namespace gatehouse::sim
