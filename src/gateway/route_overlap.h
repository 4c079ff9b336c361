// Two routes that can match the same request with equal rank are an error, never a coin toss (configuration
// rule 5).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "config/spec.h"
#include "gateway/route_rank.h"

namespace gatehouse::gateway {

// True only for what rule 5 counts as proof: different methods; one key in both whose tests are finite texts
// without a common one, `x` against `not x` (and what implies x: `not *` excludes any test, a wider CIDR a
// narrower one), or disjoint CIDRs; hosts and paths under `when` likewise. Host and path of the routes
// themselves are not looked at.
bool provably_disjoint(const ConditionMap& a, const ConditionMap& b);

// Compares entries of equal rank, each pair that is not told apart by hash.
class OverlapCheck {
 public:
  OverlapCheck(const config::Spec& spec, std::span<const ConditionMap> maps,
               config::Diagnostics& diagnostics);

  // `group`: entries of one terminal with equal rank. A route is reported once, against the first that it
  // overlaps.
  void check(std::span<const RankedEntry> group);

 private:
  using Members = std::vector<std::uint32_t>;  // indexes of maps
  void check(const Members& members, std::vector<std::string>& used);
  void check_pairs(const Members& members);
  void check_pair(std::uint32_t a, std::uint32_t b);
  std::string busiest_key(const Members& members, const std::vector<std::string>& used) const;

  const config::Spec& spec_;
  std::span<const ConditionMap> maps_;
  config::Diagnostics& diagnostics_;
  std::vector<bool> reported_;  // by route
};

}  // namespace gatehouse::gateway
