#include "gateway/route_rank.h"

#include <algorithm>
#include <tuple>

#include "gateway/condition.h"
#include "http/message.h"

namespace gatehouse::gateway {
namespace {

constexpr auto kGet = std::uint64_t{1} << static_cast<unsigned>(http::Method::get);
constexpr auto kHead = std::uint64_t{1} << static_cast<unsigned>(http::Method::head);

bool all_texts(const config::Condition& condition) {
  return std::ranges::all_of(condition.any_of,
                             [](const config::Test& t) { return t.kind == config::Test::Kind::exact; });
}

// What a condition on `method` lets through. Only texts are expressed wholly; anything else stays a
// condition.
void narrow(ConditionMap& map, const config::Condition& condition, MethodTable& methods) {
  if (!all_texts(condition)) {
    map.on_method.push_back(&condition);
    return;
  }
  std::uint64_t named = 0;
  for (const config::Test& t : condition.any_of) named |= methods.name(t.text);
  std::uint64_t served = named | ((named & kGet) != 0 ? kHead : 0);
  map.methods &= condition.negate ? ~served : served;
  map.told_apart &= condition.negate ? ~served : named;
  if (!condition.negate && (named & kHead) != 0) map.names_head = true;
}

void narrow(ConditionMap& map, const std::vector<std::string>& names, MethodTable& methods) {
  std::uint64_t named = 0;
  for (const std::string& name : names) named |= methods.name(name);
  map.methods &= named | ((named & kGet) != 0 ? kHead : 0);
  map.told_apart &= named;
  if ((named & kHead) != 0) map.names_head = true;
}

}  // namespace

MethodTable::MethodTable()
    : names_{"", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"} {}

std::uint64_t MethodTable::name(std::string_view method) {
  std::uint64_t known = bit(method);
  if (known != kUnnamed) return known;
  if (full()) return 0;
  names_.emplace_back(method);
  return std::uint64_t{1} << (names_.size() - 1);
}

std::uint64_t MethodTable::bit(std::string_view method) const noexcept {
  for (std::size_t i = 1; i < names_.size(); ++i)
    if (names_[i] == method) return std::uint64_t{1} << i;
  return kUnnamed;
}

std::vector<ConditionMap> condition_maps(const config::RouteSpec& route, std::uint32_t index,
                                         MethodTable& methods) {
  static const config::ConditionSet kAlways;
  std::vector<ConditionMap> maps;
  for (std::size_t i = 0; i < std::max<std::size_t>(route.when.size(), 1); ++i) {
    const config::ConditionSet& set = route.when.empty() ? kAlways : route.when[i];
    ConditionMap& map = maps.emplace_back();
    map.route = index;
    bool method_counted = false;
    for (const config::Condition& c : set) {
      map.all.push_back(&c);
      ++map.keys;
      if (c.key.kind == config::ConditionKey::Kind::method) {
        method_counted = true;
        narrow(map, c, methods);
      } else {
        map.compiled.push_back(&c);
      }
    }
    if (!route.methods.empty()) {
      narrow(map, route.methods, methods);
      if (!method_counted) ++map.keys;
    }
  }
  return maps;
}

void sort_by_rank(std::vector<RankedEntry>& entries) {
  std::ranges::sort(entries, [](const RankedEntry& a, const RankedEntry& b) {
    return std::tuple(a.terminal, a.level, b.keys, b.names_head, a.route, a.pattern, a.map) <
           std::tuple(b.terminal, b.level, a.keys, a.names_head, b.route, b.pattern, b.map);
  });
}

}  // namespace gatehouse::gateway
