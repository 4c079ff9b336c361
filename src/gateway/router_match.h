// The walk that chooses a route. One for all: `gatehouse explain` runs it with a trace that looks on.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "gateway/router_tables.h"

namespace gatehouse::gateway {

// What a look-on must offer. This one sees nothing, costs nothing and ends the walk at the first entry that
// decides.
struct NoTrace {
  static constexpr bool kWholeWalk =
      false;  // true: go on after the decision, so that every candidate is seen
  void host(std::uint32_t /*host_routes*/) {}
  void terminal(std::uint32_t /*terminal*/) {}
  void wrong_method(std::uint32_t /*entry*/) {}
  void regex_failed(std::uint32_t /*entry*/) {}
  void conditions(std::uint32_t /*entry*/, Truth) {}
  void not_dispatched(std::uint32_t /*entry*/, std::uint32_t /*dispatch*/) {}
  void decided(std::uint32_t /*entry*/) {}
};

template <class Trace>
class RouterMatch {
 public:
  RouterMatch(const RouterTables& tables, const RouteQuery& query, MatchScratch& scratch, Trace& trace)
      : t_(tables), q_(query), s_(scratch), trace_(trace) {
    auto known = static_cast<unsigned>(query.method);
    method_ = known != 0 ? std::uint64_t{1} << known : t_.methods.bit(query.method_text);
  }

  RouteChoice run() {
    if (q_.path.empty() || q_.path.front() != '/') return choice_;
    split();
    search();
    if (!decided_ &&
        other_method_) {  // 404 or 405: the same walk again, to see what other methods would have met
      collecting_ = true;
      search();
      if (allowed_ != 0) {
        choice_.kind = RouteChoice::Kind::wrong_method;
        choice_.allowed = allowed_;
      }
    }
    return choice_;
  }

 private:
  // Each returns true when the choice is made and the walk ends.
  bool search();
  bool search_host(std::uint32_t host);
  bool walk(std::uint32_t node, std::size_t depth);
  bool visit(std::uint32_t terminal, std::uint32_t block = 0);
  bool visit_pending();
  bool try_run(const Run& run, std::uint32_t block);
  bool try_dispatched(const Run& run, const Dispatch& dispatch);
  bool decide(std::uint32_t entry, Truth truth);

  // Whether the entry would serve the request; `no` also for a wrong method, which is noted.
  Truth test(std::uint32_t entry, std::uint32_t block, bool found_by_text = false);
  bool method_fits(const RouteEntry& entry) const {
    if ((entry.methods & method_) == 0) return false;
    if (method_ != MethodTable::kUnnamed) return true;
    return t_.conditions.holds(t_.maps[entry.map].on_method, q_, s_.conditions) == Truth::yes;
  }
  void split();
  void capture(const RouteEntry& entry);

  const RouterTables& t_;
  const RouteQuery& q_;
  MatchScratch& s_;
  Trace& trace_;
  std::uint64_t method_;
  std::uint64_t allowed_ = 0;
  std::uint32_t level_ = 0;
  std::size_t count_ = 0;  // of segments in s_.segments
  bool complete_ = false;  // these are all; else the path is longer than any pattern
  bool slash_ = false;     // and a final '/' follows
  bool decided_ = false;
  bool other_method_ = false;  // an entry was left out for its method
  bool collecting_ = false;    // methods that would have been served
  RouteChoice choice_;
};

// Splits the path where patterns can tell it apart. An empty last segment is the trailing '/'; parameters
// (from ';') are not part of what is matched.
template <class Trace>
void RouterMatch<Trace>::split() {
  std::string_view path = q_.path;
  s_.segments.resize(t_.max_depth);
  bool plain = path.find(';') == path.npos;
  for (std::size_t at = 1;;) {
    std::size_t end = std::min(path.find('/', at), path.size());
    std::string_view segment = path.substr(at, end - at);
    if (!plain) segment = http::without_parameters(segment);
    bool last = end == path.size();
    if (last && segment.empty()) {
      complete_ = true;
      slash_ = count_ > 0;
      return;
    }
    if (count_ == t_.max_depth) return;
    s_.segments[count_++] = {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end),
                             static_cast<std::uint32_t>(segment.size()), hash_text(segment)};
    if (last) {
      complete_ = true;
      return;
    }
    at = end + 1;
  }
}

// Hosts in the order of their rank. Entries of the highest priority decide at once, those of lower ones when
// all hosts and paths were seen.
template <class Trace>
bool RouterMatch<Trace>::search() {
  level_ = 0;
  s_.pending.clear();
  std::string_view host = without_root_dot(q_.host);
  if (std::uint32_t exact = t_.hosts.find(RouterTables::kExactHost, host); exact != 0 && search_host(exact))
    return true;
  if (t_.wildcard_dots > 0) {
    constexpr std::size_t kMostDots = 128;  // a host has at most 127 labels
    std::array<std::size_t, kMostDots> dots;
    std::size_t count = 0;
    std::size_t most = std::min(t_.wildcard_dots, kMostDots);
    for (std::size_t i = host.size(); i > 1 && count < most; --i)
      if (host[i - 1] == '.') dots[count++] = i - 1;
    while (count > 0) {  // the longest first
      std::uint32_t wildcard = t_.hosts.find(RouterTables::kWildcard, host.substr(dots[--count]));
      if (wildcard != 0 && search_host(wildcard)) return true;
    }
  }
  return search_host(1) || visit_pending();
}

template <class Trace>
bool RouterMatch<Trace>::search_host(std::uint32_t host) {
  trace_.host(host);
  const HostRoutes& routes = t_.host_routes[host];
  if (walk(routes.root, 0)) return true;
  if (routes.regexes == 0) return false;
  s_.match_regexes(t_, routes.regexes, s_.conditions.matching_path(q_.path));
  return visit(t_.regex_blocks[routes.regexes].terminal, routes.regexes);
}

// Depth-first, literal before `:id` before `*`: the order of rule 5. Recursion is bounded by
// kMaxPathSegments.
template <class Trace>
bool RouterMatch<Trace>::walk(std::uint32_t node, std::size_t depth) {
  const PathNode& n = t_.nodes[node];
  if (depth < count_) {
    const MatchScratch::Segment& segment = s_.segments[depth];
    std::uint32_t child = t_.literals.find(node, q_.path.substr(segment.begin, segment.size), segment.hash);
    if (child != 0 && walk(child, depth + 1)) return true;
    if (n.parameter != 0 && segment.size != 0 && walk(n.parameter, depth + 1)) return true;
  } else if (complete_) {
    if (slash_ && n.slash != 0 && visit(n.slash)) return true;
    if (n.exact != 0 && visit(n.exact)) return true;  // also with one trailing '/' (rule 4)
  }
  return n.below != 0 && visit(n.below);
}

template <class Trace>
bool RouterMatch<Trace>::visit(std::uint32_t terminal, std::uint32_t block) {
  trace_.terminal(terminal);
  const Terminal& here = t_.terminals[terminal];
  std::uint32_t end = here.first + here.count;
  for (std::uint32_t i = here.first; i != end; ++i) {
    if (t_.runs[i].level != 0) {
      s_.pending.push_back({i, end, block});
      return false;
    }
    if (try_run(t_.runs[i], block)) return true;
  }
  return false;
}

// Priority by priority, each in the order of the walk.
template <class Trace>
bool RouterMatch<Trace>::visit_pending() {
  for (;;) {
    level_ = UINT32_MAX;
    for (const auto& p : s_.pending)
      if (p.next != p.end) level_ = std::min(level_, t_.runs[p.next].level);
    if (level_ == UINT32_MAX) return false;
    for (auto& p : s_.pending)
      for (; p.next != p.end && t_.runs[p.next].level == level_; ++p.next)
        if (try_run(t_.runs[p.next], p.block)) return true;
  }
}

template <class Trace>
bool RouterMatch<Trace>::try_run(const Run& run, std::uint32_t block) {
  if (run.dispatch != 0) {
    const Dispatch& dispatch = t_.dispatches[run.dispatch];
    const bool known = !t_.conditions.late(dispatch.condition) || q_.attributes != nullptr;
    if (known && !(q_.unsent_holds && t_.conditions.unsent(dispatch.condition)))
      return try_dispatched(run, dispatch);
  }
  for (std::uint32_t e = run.first; e != run.first + run.count; ++e)
    if (decide(e, test(e, block))) return true;
  return false;
}

// All of the run have equal rank: of several that match (see sort_by_rank) the first in order wins.
template <class Trace>
bool RouterMatch<Trace>::try_dispatched(const Run& run, const Dispatch& dispatch) {
  std::uint32_t best = UINT32_MAX;
  Truth best_truth = Truth::no;
  auto consider = [&](const std::vector<std::uint32_t>& entries, bool found_by_text) {
    for (std::uint32_t e : entries) {
      if (e >= best && !collecting_ && !Trace::kWholeWalk) return;
      Truth truth = test(e, 0, found_by_text);
      if (truth == Truth::no || e >= best) continue;
      best = e;
      best_truth = truth;
    }
  };
  t_.conditions.any_value(dispatch.condition, q_, [&](std::string_view value) {
    std::uint32_t list = t_.dispatch_texts.find(run.dispatch, value);
    if (list != 0) consider(t_.dispatch_lists[list], true);
    return false;
  });
  consider(dispatch.rest, false);
  if constexpr (Trace::kWholeWalk)
    for (std::uint32_t e = run.first; e != run.first + run.count; ++e) trace_.not_dispatched(e, run.dispatch);
  return best != UINT32_MAX && decide(best, best_truth);
}

template <class Trace>
Truth RouterMatch<Trace>::test(std::uint32_t index, std::uint32_t block, bool found_by_text) {
  const RouteEntry& entry = t_.entries[index];
  if (block != 0 && s_.regexes[block].hit[entry.regex] == 0) {
    trace_.regex_failed(index);
    return Truth::no;
  }
  if (!method_fits(entry)) {
    other_method_ = true;
    trace_.wrong_method(index);
    if (collecting_ && t_.conditions.holds(entry.conditions, q_, s_.conditions) != Truth::no)
      allowed_ |= entry.methods & ~MethodTable::kUnnamed;
    return Truth::no;
  }
  // Whoever was found by its text meets that condition.
  if (entry.conditions.count == (found_by_text ? 1 : 0)) {
    trace_.conditions(index, Truth::yes);
    return Truth::yes;
  }
  Truth truth = t_.conditions.holds(entry.conditions, q_, s_.conditions);
  trace_.conditions(index, truth);
  return truth;
}

template <class Trace>
bool RouterMatch<Trace>::decide(std::uint32_t index, Truth truth) {
  if (truth == Truth::no) return false;
  if (!decided_) {
    decided_ = true;
    trace_.decided(index);
    const RouteEntry& entry = t_.entries[index];
    choice_.kind = truth == Truth::unknown ? RouteChoice::Kind::needs_attributes : RouteChoice::Kind::found;
    choice_.route = entry.route;
    choice_.pattern = t_.patterns[entry.pattern].index;
    capture(entry);
  }
  return !Trace::kWholeWalk;
}

template <class Trace>
void RouterMatch<Trace>::capture(const RouteEntry& entry) {
  const CompiledPattern& pattern = t_.patterns[entry.pattern];
  if (pattern.regex) return;
  for (std::size_t i = 0; i < pattern.parameter_count; ++i) {
    const MatchScratch::Segment& segment = s_.segments[pattern.parameters[i]];
    choice_.captures.parameters[i] = q_.path.substr(segment.begin, segment.end - segment.begin);
  }
  if (pattern.below)
    choice_.captures.tail =
        pattern.segments == 0 ? q_.path : q_.path.substr(s_.segments[pattern.segments - 1U].end);
}

}  // namespace gatehouse::gateway
