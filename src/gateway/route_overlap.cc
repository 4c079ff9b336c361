#include "gateway/route_overlap.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "gateway/condition.h"

namespace gatehouse::gateway {
namespace {

using config::Condition;
using config::PathPattern;
using config::PathSegment;
using config::Test;

bool all_of_kind(const Condition& c, Test::Kind kind) {
  return !c.any_of.empty() && std::ranges::all_of(c.any_of, [kind](const Test& t) { return t.kind == kind; });
}

bool contains(const config::Cidr& wide, const config::Cidr& narrow) {
  return wide.bits <= narrow.bits && cidr_contains(wide, narrow.address);
}

// Whatever `test` accepts, `wider` accepts.
bool implies(const Test& test, const Test& wider) {
  if (wider.kind == Test::Kind::present || test == wider) return true;
  return test.kind == Test::Kind::cidr && wider.kind == Test::Kind::cidr && contains(wider.cidr, test.cidr);
}

bool differ_in_a_literal(const PathPattern& a, const PathPattern& b) {
  std::size_t n = std::min(a.segments.size(), b.segments.size());
  for (std::size_t i = 0; i < n; ++i) {
    const PathSegment& x = a.segments[i];
    const PathSegment& y = b.segments[i];
    if (x.kind == PathSegment::Kind::literal && y.kind == PathSegment::Kind::literal && x.text != y.text)
      return true;
  }
  return false;
}

bool different_exact_hosts(const config::HostPattern& a, const config::HostPattern& b) {
  auto exact = [](const config::HostPattern& h) { return !h.wildcard && !h.text.empty(); };
  return exact(a) && exact(b) && a.text != b.text;
}

template <class List, class Predicate>
bool all_pairs(const List& a, const List& b, Predicate disjoint) {
  if (a.empty() || b.empty()) return false;
  return std::ranges::all_of(a, [&](const auto& x) {
    return std::ranges::all_of(b, [&](const auto& y) { return disjoint(x, y); });
  });
}

// Each of `some` has one in `all` that covers it.
template <class List, class Predicate>
bool covered(const List& some, const List& all, Predicate covers) {
  return !some.empty() && std::ranges::all_of(some, [&](const auto& x) {
    return std::ranges::any_of(all, [&](const auto& y) { return covers(x, y); });
  });
}

// Both on the same key.
bool disjoint(const Condition& a, const Condition& b) {
  if (a.negate && b.negate) return false;
  if (a.negate != b.negate) {
    const Condition& positive = a.negate ? b : a;
    const Condition& negative = a.negate ? a : b;
    return covered(positive.any_of, negative.any_of, implies) ||
           covered(positive.hosts, negative.hosts, std::equal_to<>{}) ||
           covered(positive.paths, negative.paths, std::equal_to<>{});
  }
  if (all_of_kind(a, Test::Kind::exact) && all_of_kind(b, Test::Kind::exact))
    return all_pairs(a.any_of, b.any_of, [](const Test& x, const Test& y) { return x.text != y.text; });
  if (all_of_kind(a, Test::Kind::cidr) && all_of_kind(b, Test::Kind::cidr))
    return all_pairs(a.any_of, b.any_of, [](const Test& x, const Test& y) {
      return !contains(x.cidr, y.cidr) && !contains(y.cidr, x.cidr);
    });
  return all_pairs(a.hosts, b.hosts, different_exact_hosts) ||
         all_pairs(a.paths, b.paths, differ_in_a_literal);
}

// The condition of `map` that admits only finite texts of `key`; null if there is none.
const Condition* finite_texts(const ConditionMap& map, const std::string& key) {
  for (const Condition* c : map.all)
    if (!c->negate && all_of_kind(*c, Test::Kind::exact) && key_text(c->key) == key) return c;
  return nullptr;
}

std::string place(const config::Location& at) {
  return at.file + ':' + std::to_string(at.line) + ':' + std::to_string(at.column);
}

constexpr std::size_t kFewEnough = 16;  // to be compared pair by pair

}  // namespace

bool provably_disjoint(const ConditionMap& a, const ConditionMap& b) {
  if ((a.told_apart & b.told_apart) == 0) return true;
  for (const Condition* x : a.all)
    for (const Condition* y : b.all)
      if (x->key == y->key && disjoint(*x, *y)) return true;
  return false;
}

OverlapCheck::OverlapCheck(const config::Spec& spec, std::span<const ConditionMap> maps,
                           config::Diagnostics& diagnostics)
    : spec_(spec), maps_(maps), diagnostics_(diagnostics), reported_(spec.routes.size()) {}

void OverlapCheck::check(std::span<const RankedEntry> group) {
  if (group.size() < 2) return;
  Members members;
  members.reserve(group.size());
  for (const RankedEntry& e : group) members.push_back(e.map);
  std::ranges::sort(members);  // maps follow the order of routes
  auto [first, last] = std::ranges::unique(members);
  members.erase(first, last);
  std::vector<std::string> used;
  check(members, used);
}

// Members with finite texts of the busiest key meet only those that share a text with them, found by hash;
// the rest meet all. So a thousand routes told apart by one header cost a thousand look-ups, not half a
// million comparisons.
void OverlapCheck::check(const Members& members, std::vector<std::string>& used) {
  std::string key = members.size() <= kFewEnough ? std::string{} : busiest_key(members, used);
  if (key.empty()) return check_pairs(members);
  std::unordered_map<std::string_view, Members> by_text;
  Members rest;
  Members hashed;
  for (std::uint32_t m : members) {
    const Condition* c = finite_texts(maps_[m], key);
    (c != nullptr ? hashed : rest).push_back(m);
    if (c == nullptr) continue;
    for (const Test& t : c->any_of)
      if (Members& list = by_text[t.text]; list.empty() || list.back() != m) list.push_back(m);
  }
  used.push_back(key);
  for (const auto& [text, list] : by_text)
    if (list.size() > 1) check(list, used);
  for (std::uint32_t r : rest)
    for (std::uint32_t h : hashed) check_pair(std::min(r, h), std::max(r, h));
  check(rest, used);
  used.pop_back();
}

void OverlapCheck::check_pairs(const Members& members) {
  for (std::size_t j = 1; j < members.size(); ++j)
    for (std::size_t i = 0; i < j && !reported_[maps_[members[j]].route]; ++i)
      check_pair(members[i], members[j]);
}

void OverlapCheck::check_pair(std::uint32_t a, std::uint32_t b) {
  std::uint32_t first = maps_[a].route;
  std::uint32_t second = maps_[b].route;
  if (first == second || reported_[second] || provably_disjoint(maps_[a], maps_[b])) return;
  reported_[second] = true;
  const config::RouteSpec& x = spec_.routes[first];
  const config::RouteSpec& y = spec_.routes[second];
  diagnostics_.push_back({config::Diagnostic::Level::error, y.at,
                          "routes `" + x.name + "` (" + place(x.at) + ") and `" + y.name + "` (" +
                              place(y.at) + ") can match the same request with equal rank",
                          "Give the one that should win a higher `priority`, such as `priority: " +
                              std::to_string(std::max(x.priority, y.priority) + 1) + "`."});
}

std::string OverlapCheck::busiest_key(const Members& members, const std::vector<std::string>& used) const {
  std::unordered_map<std::string, std::size_t> counts;
  for (std::uint32_t m : members)
    for (const Condition* c : maps_[m].all)
      if (!c->negate && all_of_kind(*c, Test::Kind::exact)) ++counts[key_text(c->key)];
  std::string best;
  std::size_t most = 1;
  for (const auto& [key, count] : counts)
    if ((count > most || (count == most && key < best)) && std::ranges::find(used, key) == used.end()) {
      best = key;
      most = count;
    }
  return best;
}

}  // namespace gatehouse::gateway
