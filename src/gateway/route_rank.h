// From routes to ranked entries (configuration rule 5). A route is as many entries as it has combinations of
// host, path and map of `when`: each of them has one rank, and the best one that matches speaks for the
// route.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/spec.h"

namespace gatehouse::gateway {

// Methods as bits: those of http::Method at the bit of their number, others that the configuration names from
// kFirstNamed on, and one bit for all that it does not name.
class MethodTable {
 public:
  static constexpr std::uint64_t kUnnamed = std::uint64_t{1} << 63;
  static constexpr std::uint64_t kAll = ~std::uint64_t{0};

  MethodTable();
  // The bit of `method`, which is given one if it has none. 0 if there are too many.
  std::uint64_t name(std::string_view method);
  std::uint64_t bit(std::string_view method) const noexcept;
  bool full() const noexcept { return names_.size() >= 63; }
  const std::vector<std::string>& names() const noexcept { return names_; }  // index = bit; [0] is empty

 private:
  std::vector<std::string> names_;
};

// A map of `when` with the route's `method`, apart from host and path.
struct ConditionMap {
  std::uint32_t route = 0;
  std::vector<const config::Condition*> all;       // as written, for the proof that two are disjoint
  std::vector<const config::Condition*> compiled;  // `all` less those on `method`
  std::vector<const config::Condition*>
      on_method;                              // those of them that `methods` does not express: `P*`, `~...`
  std::uint64_t methods = MethodTable::kAll;  // that can match; GET brings HEAD
  std::uint64_t told_apart = MethodTable::kAll;  // `methods` as rule 5 compares them: named ones only
  bool names_head = false;                       // wins over GET, which serves HEAD besides
  std::uint32_t keys = 0;                        // `method` counted, once
};

// The maps of `route`; one if it has no `when`.
std::vector<ConditionMap> condition_maps(const config::RouteSpec& route, std::uint32_t index,
                                         MethodTable& methods);

// All that decides before the order among entries of one terminal (host, path, regex block).
struct RankedEntry {
  std::uint32_t terminal = 0;
  std::uint32_t level = 0;  // of priorities, 0 = the highest
  std::uint32_t map = 0;    // index of its ConditionMap
  std::uint32_t keys = 0;
  std::uint32_t route = 0;
  std::uint32_t pattern = 0;  // index of its compiled pattern
  std::uint32_t regex = 0;    // within the block
  bool names_head = false;
};

// By terminal, then rank: priority, number of keys. Entries of equal rank are disjoint, but for two cases, in
// which the order decides: HEAD, served by GET as well as by the route that names it (which is first), and a
// header, parameter or cookie that comes twice with different values (the route that is written first).
void sort_by_rank(std::vector<RankedEntry>& entries);
inline bool equal_rank(const RankedEntry& a, const RankedEntry& b) noexcept {
  return a.terminal == b.terminal && a.level == b.level && a.keys == b.keys;
}

}  // namespace gatehouse::gateway
