// What a Router is compiled to: flat arrays that a match walks through without allocating. Immutable once
// built.
#pragma once

#include <re2/set.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/diagnostic.h"
#include "gateway/condition.h"
#include "gateway/route_rank.h"
#include "gateway/router.h"
#include "gateway/router_index.h"

namespace gatehouse::gateway {

// One combination of host, path and map of conditions.
struct RouteEntry {
  std::uint64_t methods = MethodTable::kAll;
  std::uint32_t route = 0;
  std::uint32_t pattern = 0;
  ConditionTable::Range conditions;
  std::uint32_t regex = 0;  // within the regex block of its host, if its pattern is a regex
  std::uint32_t map = 0;
};

struct CompiledMap {
  ConditionTable::Range
      on_method;           // for methods that the table does not name; the others are bits of `methods`
  std::uint32_t keys = 0;  // for explain
};

// Entries of one terminal and priority. Without dispatch they are tried in the order of their rank. With it
// they have equal rank, and those whose condition on one key admits only given texts are found by hash.
struct Run {
  std::uint32_t level = 0;  // of priorities; 0 = the highest
  std::uint32_t first = 0;  // into entries
  std::uint32_t count = 0;
  std::uint32_t dispatch = 0;  // into dispatches; 0 = none
};

struct Dispatch {
  std::uint32_t condition = 0;      // any condition on the key
  std::vector<std::uint32_t> rest;  // entries that are not found by text
};

// Where a path pattern ends: its entries, best rank first.
struct Terminal {
  std::uint32_t first = 0;  // into runs
  std::uint32_t count = 0;
};

// A prefix of path patterns of one host. Literal children are in `literals`, scope = number of the node.
struct PathNode {
  std::uint32_t parameter = 0;  // child for `:id`; 0 = none, as below
  std::uint32_t exact = 0;      // terminal of `/a/b`
  std::uint32_t slash = 0;      // terminal of `/a/b/`
  std::uint32_t below = 0;      // terminal of `/a/b/*`
};

struct RegexBlock {
  std::uint32_t terminal = 0;
  std::vector<std::string> expressions;
};

// All routes of one exact host, one wildcard, or of any host.
struct HostRoutes {
  std::string text;           // as the user writes it
  std::uint32_t root = 0;     // node
  std::uint32_t regexes = 0;  // block; 0 = none
};

struct CompiledPattern {
  std::uint32_t index = 0;  // within the route's `paths`
  std::uint8_t segments = 0;
  std::uint8_t parameter_count = 0;
  bool below = false;
  bool regex = false;
  std::array<std::uint8_t, kMaxPathParameters> parameters{};  // depths
};

struct RouterTables {
  static constexpr std::uint32_t kExactHost = 0;  // scopes of `hosts`
  static constexpr std::uint32_t kWildcard = 1;

  TextIndex hosts;                      // -> host_routes
  std::vector<HostRoutes> host_routes;  // [0] unused, [1] = any host
  std::size_t wildcard_dots = 0;        // in the longest wildcard; 0 = there are none
  std::size_t max_depth = 0;            // segments of the longest pattern

  TextIndex literals;                         // (node, literal) -> node
  std::vector<PathNode> nodes;                // [0] unused
  std::vector<Terminal> terminals;            // [0] unused
  std::vector<std::uint32_t> terminal_hosts;  // -> host_routes; for explain
  std::vector<Run> runs;
  std::vector<RouteEntry> entries;
  std::vector<CompiledMap> maps;
  std::vector<CompiledPattern> patterns;
  std::vector<RegexBlock> regex_blocks;  // [0] unused

  std::vector<Dispatch> dispatches;                        // [0] unused
  TextIndex dispatch_texts;                                // (dispatch, text) -> dispatch_lists
  std::vector<std::vector<std::uint32_t>> dispatch_lists;  // entries, ascending; [0] unused

  ConditionTable conditions;
  MethodTable methods;
};

// Null on errors. (router_build.cc)
std::unique_ptr<const RouterTables> build_tables(const config::Spec& spec, config::Diagnostics& diagnostics);

// The state behind RouterScratch.
struct MatchScratch {
  struct Segment {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;   // with parameters
    std::uint32_t size = 0;  // without
    std::uint64_t hash = 0;
  };
  struct Pending {  // runs of lower priority that the walk passed
    std::uint32_t next = 0;
    std::uint32_t end = 0;
    std::uint32_t block = 0;
  };
  struct Regexes {  // of one block
    std::unique_ptr<re2::RE2::Set> set;
    bool tried_set = false;
    std::vector<std::unique_ptr<re2::RE2>> singles;
    std::vector<int> matched;
    std::vector<char> hit;  // by expression
  };

  // Fills `hit` of block `index` for `path` (without parameters).
  void match_regexes(const RouterTables& tables, std::uint32_t index, std::string_view path);

  ConditionScratch conditions;
  std::vector<Segment> segments;
  std::vector<Pending> pending;
  std::vector<Regexes> regexes;
  std::int64_t regex_set_memory = std::int64_t{16} << 20;  // bytes; tests make it small
};

}  // namespace gatehouse::gateway
