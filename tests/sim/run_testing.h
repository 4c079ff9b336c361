// For tests that play one plan.
#pragma once

#include <string>

#include "sim/run.h"

namespace gatehouse::sim {

// Everything that was violated, a line each: empty is good.
inline std::string all_of(const Outcome& o) {
  std::string text;
  for (const auto& v : o.violations) text += v + "\n";
  return text;
}

// Bytes come in parts, by the seed, and never many of them.
inline void in_small_parts(Plan& p, std::uint64_t seed) {
  p.seed = seed;
  p.faults.partial_recv = p.faults.partial_send = 0.5;
  p.faults.buffer_min = p.faults.buffer_max = 3000;
  p.faults.segment_max = 500;
}

}  // namespace gatehouse::sim
