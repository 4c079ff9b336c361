// One seed from the first connection to the last check.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/plan.h"
#include "sim/planted.h"
#include "sim/shares.h"

namespace gatehouse::sim {

// What of the rarer things was met, so that it can be seen that they are.
struct Met {
  std::uint64_t handshakes = 0;  // of TLS with clients
  std::uint64_t resumed = 0;     // of these
  std::uint64_t failed = 0;      // beside these
  std::uint64_t outages = 0;     // of endpoints, by their checks
  std::uint64_t tunnels = 0;
  void add(const Met& other) noexcept;
  std::string text() const;
};

struct Outcome {
  std::vector<std::string> violations;
  std::size_t requests = 0;  // that were sent
  std::size_t answers = 0;   // that came whole
  Shares shares;             // of the splits
  Met met;
  std::uint64_t steps = 0;       // of the scheduler
  std::uint64_t load_steps = 0;  // of these, while clients had something under way
  std::uint64_t trace = 0;       // equal for equal runs
  Duration simulated{};
};

Outcome run(const Plan& plan, Bug bug = Bug::none, bool verbose = false);

// All clients leave at a moment of their own, wherever they are: for tests of cancellation.
struct Leave {
  std::uint64_t leave_after = UINT64_MAX;  // steps of the load
  bool reset = false;
};
Outcome run(const Plan& plan, const Leave& leave);

inline Outcome run(std::uint64_t seed, Bug bug = Bug::none, bool verbose = false) {
  return run(Plan::draw(seed), bug, verbose);
}

}  // namespace gatehouse::sim
