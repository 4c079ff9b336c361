// How the splits have divided what came: judged over many seeds, for one has too few requests.
#pragma once

#include <cstdint>
#include <string>

#include "sim/ledger.h"
#include "sim/setting.h"

namespace gatehouse::sim {

struct Shares {
  struct Share {
    double expected = 0;       // of 1
    std::uint64_t taken = 0;   // by the first that is named
    std::uint64_t in_all = 0;  // by both
    // Within five standard deviations of a fair draw: once in a million honest runs is not.
    bool fair() const noexcept;
  };
  Share canary{.expected = kCanaryPercent / 100.0};
  Share weights{.expected = kWeightPercent / 100.0};

  // By its first delivery: what is tried again stays where it was.
  void count(const Entry& e);
  void add(const Shares& other) noexcept;
  bool fair() const noexcept { return canary.fair() && weights.fair(); }
  std::string text() const;
};

}  // namespace gatehouse::sim
