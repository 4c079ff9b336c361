// From a Spec to RouterTables.
#include <algorithm>
#include <map>

#include "gateway/route_overlap.h"
#include "gateway/router_tables.h"

namespace gatehouse::gateway {
namespace {

using config::PathPattern;
using config::PathSegment;

constexpr std::uint32_t kAnyHost = 1;
constexpr std::size_t kDispatchFrom = 8;  // entries of equal rank; fewer are tried one after the other

template <class T>
std::uint32_t size_of(const std::vector<T>& list) {
  return static_cast<std::uint32_t>(list.size());
}

class TablesBuilder {
 public:
  TablesBuilder(const config::Spec& spec, config::Diagnostics& diagnostics)
      : spec_(spec), diagnostics_(diagnostics), t_(std::make_unique<RouterTables>()) {}

  std::unique_ptr<const RouterTables> build();

 private:
  void add_route(std::uint32_t index);
  std::uint32_t host(const config::HostPattern& pattern);
  std::uint32_t new_host(std::string text);
  std::uint32_t terminal(std::uint32_t host, const PathPattern& pattern, std::uint32_t& regex);
  std::uint32_t regex(std::uint32_t host, const PathPattern& pattern, std::uint32_t& index);
  std::uint32_t new_terminal(std::uint32_t host);
  std::uint32_t compile_pattern(const PathPattern& pattern, std::uint32_t index,
                                const config::RouteSpec& route);
  void test_methods();
  void check_overlaps();
  void add_groups();
  void add_group(std::size_t begin, std::size_t end);
  const config::Condition* dispatch_condition(const RankedEntry& entry,
                                              const config::ConditionKey& key) const;
  const config::ConditionKey* dispatch_key(std::size_t begin, std::size_t end) const;
  std::uint32_t add_dispatch(const config::ConditionKey& key, std::size_t begin, std::size_t end);
  void error(const config::Location& at, std::string message, std::string instead) {
    diagnostics_.push_back({config::Diagnostic::Level::error, at, std::move(message), std::move(instead)});
  }

  const config::Spec& spec_;
  config::Diagnostics& diagnostics_;
  std::unique_ptr<RouterTables> t_;
  std::vector<std::int64_t> priorities_;  // highest first
  std::vector<ConditionMap> maps_;
  std::vector<ConditionTable::Range> ranges_;  // parallel to maps_
  std::vector<RankedEntry> ranked_;
  std::map<std::pair<std::uint32_t, std::string>, std::uint32_t> regex_indexes_;  // (block, expression)
};

std::unique_ptr<const RouterTables> TablesBuilder::build() {
  std::size_t before = diagnostics_.size();
  t_->host_routes.resize(1);
  t_->nodes.resize(1);
  t_->terminals.resize(1);
  t_->terminal_hosts.resize(1);
  t_->regex_blocks.resize(1);
  t_->dispatches.resize(1);
  t_->dispatch_lists.resize(1);
  new_host("*");
  for (const config::RouteSpec& r : spec_.routes) priorities_.push_back(r.priority);
  std::ranges::sort(priorities_, std::greater<>{});
  auto [first, last] = std::ranges::unique(priorities_);
  priorities_.erase(first, last);
  for (std::uint32_t i = 0; i < spec_.routes.size(); ++i) add_route(i);
  test_methods();
  sort_by_rank(ranked_);
  check_overlaps();
  add_groups();
  bool failed = std::any_of(diagnostics_.begin() + static_cast<std::ptrdiff_t>(before), diagnostics_.end(),
                            [](const auto& d) { return d.level == config::Diagnostic::Level::error; });
  if (failed) return nullptr;
  return std::move(t_);
}

void TablesBuilder::add_route(std::uint32_t index) {
  static const std::vector<config::HostPattern> kEveryHost(1);
  static const std::vector<PathPattern> kEveryPath{
      PathPattern{.text = "/*", .segments = {}, .below = true, .trailing_slash = false, .regex = {}}};
  const config::RouteSpec& route = spec_.routes[index];
  std::uint32_t first_map = size_of(maps_);
  for (ConditionMap& map : condition_maps(route, index, t_->methods)) {
    ranges_.push_back(t_->conditions.add(map.compiled, diagnostics_));
    t_->maps.push_back({t_->conditions.add(map.on_method, diagnostics_), map.keys});
    maps_.push_back(std::move(map));
  }
  if (t_->methods.full())
    error(route.at, "more than 53 methods beyond the usual ones are named",
          "Use `when: {method: \"~...\"}`.");
  auto level = static_cast<std::uint32_t>(
      std::ranges::lower_bound(priorities_, route.priority, std::greater<>{}) - priorities_.begin());
  const auto& paths = route.paths.empty() ? kEveryPath : route.paths;
  for (std::uint32_t p = 0; p < paths.size(); ++p) {
    std::uint32_t pattern = compile_pattern(paths[p], p, route);
    for (const config::HostPattern& h : route.hosts.empty() ? kEveryHost : route.hosts) {
      RankedEntry entry;
      entry.terminal = terminal(host(h), paths[p], entry.regex);
      entry.level = level;
      entry.route = index;
      entry.pattern = pattern;
      for (std::uint32_t m = first_map; m < maps_.size(); ++m) {
        entry.map = m;
        entry.keys = maps_[m].keys;
        entry.names_head = maps_[m].names_head;
        ranked_.push_back(entry);
      }
    }
  }
}

std::uint32_t TablesBuilder::new_host(std::string text) {
  t_->nodes.emplace_back();
  t_->host_routes.push_back({std::move(text), size_of(t_->nodes) - 1, 0});
  return size_of(t_->host_routes) - 1;
}

std::uint32_t TablesBuilder::host(const config::HostPattern& pattern) {
  if (pattern.text.empty()) return kAnyHost;
  std::uint32_t scope = pattern.wildcard ? RouterTables::kWildcard : RouterTables::kExactHost;
  std::string_view text = pattern.wildcard ? std::string_view(pattern.text) : without_root_dot(pattern.text);
  if (std::uint32_t known = t_->hosts.find(scope, text)) return known;
  if (pattern.wildcard)
    t_->wildcard_dots = std::max(t_->wildcard_dots, static_cast<std::size_t>(std::ranges::count(text, '.')));
  return t_->hosts.insert(scope, text, new_host(shown(pattern)));
}

std::uint32_t TablesBuilder::new_terminal(std::uint32_t host) {
  t_->terminal_hosts.push_back(host);
  t_->terminals.emplace_back();
  return size_of(t_->terminals) - 1;
}

std::uint32_t TablesBuilder::terminal(std::uint32_t host, const PathPattern& pattern,
                                      std::uint32_t& regex_index) {
  if (!pattern.regex.empty()) return regex(host, pattern, regex_index);
  std::uint32_t node = t_->host_routes[host].root;
  for (const PathSegment& s : pattern.segments) {
    std::uint32_t next =
        s.kind == PathSegment::Kind::parameter ? t_->nodes[node].parameter : t_->literals.find(node, s.text);
    if (next == 0) {
      t_->nodes.emplace_back();
      next = size_of(t_->nodes) - 1;
      if (s.kind == PathSegment::Kind::parameter) {
        t_->nodes[node].parameter = next;
      } else {
        t_->literals.insert(node, s.text, next);
      }
    }
    node = next;
  }
  PathNode& n = t_->nodes[node];
  bool slash = pattern.trailing_slash && !pattern.segments.empty();  // `/` ends in itself
  std::uint32_t& place = pattern.below ? n.below : slash ? n.slash : n.exact;
  if (place == 0) place = new_terminal(host);
  return place;
}

std::uint32_t TablesBuilder::regex(std::uint32_t host, const PathPattern& pattern, std::uint32_t& index) {
  std::uint32_t& block = t_->host_routes[host].regexes;
  if (block == 0) {
    block = size_of(t_->regex_blocks);
    t_->regex_blocks.push_back({new_terminal(host), {}});
  }
  auto& expressions = t_->regex_blocks[block].expressions;
  auto [it, fresh] = regex_indexes_.try_emplace({block, pattern.regex}, size_of(expressions));
  if (fresh) expressions.push_back(pattern.regex);
  index = it->second;
  return t_->regex_blocks[block].terminal;
}

std::uint32_t TablesBuilder::compile_pattern(const PathPattern& pattern, std::uint32_t index,
                                             const config::RouteSpec& route) {
  CompiledPattern compiled;
  compiled.index = index;
  compiled.below = pattern.below;
  compiled.regex = !pattern.regex.empty();
  if (compiled.regex) {
    if (std::string wrong = regex_error(pattern.regex, pattern.text); !wrong.empty())
      error(route.at, "path `" + pattern.text + "` " + wrong,
            "The syntax is RE2's; the whole path must match.");
  }
  if (pattern.segments.size() > kMaxPathSegments) {
    error(route.at, "path `" + pattern.text.substr(0, 40) + "...` has more than 128 segments",
          "Write a shorter one.");
  } else {
    compiled.segments = static_cast<std::uint8_t>(pattern.segments.size());
    t_->max_depth = std::max(t_->max_depth, pattern.segments.size());
    for (std::uint8_t depth = 0; depth < compiled.segments; ++depth) {
      if (pattern.segments[depth].kind != PathSegment::Kind::parameter) continue;
      if (compiled.parameter_count == kMaxPathParameters) {
        error(route.at, "path `" + pattern.text + "` has more than 8 parameters", "End it in `/*`.");
        break;
      }
      compiled.parameters[compiled.parameter_count++] = depth;
    }
  }
  t_->patterns.push_back(compiled);
  return size_of(t_->patterns) - 1;
}

// Conditions such as `method: P*`, for all methods that have a bit.
void TablesBuilder::test_methods() {
  BlockPool pool;
  Arena arena(pool);
  http::RequestHead head(arena);
  RouteQuery query;
  query.request = &head;
  ConditionScratch scratch;
  for (std::uint32_t m = 0; m < maps_.size(); ++m) {
    if (t_->maps[m].on_method.count == 0) continue;
    for (std::size_t i = 1; i < t_->methods.names().size(); ++i) {
      query.method_text = t_->methods.names()[i];
      query.method = http::method_of(query.method_text);
      if (t_->conditions.holds(t_->maps[m].on_method, query, scratch) == Truth::no)
        maps_[m].methods &= ~(std::uint64_t{1} << i);
    }
  }
}

void TablesBuilder::check_overlaps() {
  OverlapCheck overlaps(spec_, maps_, diagnostics_);
  std::span<const RankedEntry> all(ranked_);
  for (std::size_t begin = 0, end = 0; begin < all.size(); begin = end) {
    while (end < all.size() && equal_rank(all[begin], all[end])) ++end;
    overlaps.check(all.subspan(begin, end - begin));
  }
}

// ---- entries, runs and dispatch
// -------------------------------------------------------------------------------------

void TablesBuilder::add_groups() {
  t_->entries.reserve(ranked_.size());
  for (const RankedEntry& e : ranked_)
    t_->entries.push_back({maps_[e.map].methods, e.route, e.pattern, ranges_[e.map], e.regex, e.map});
  for (std::size_t begin = 0, end = 0; begin < ranked_.size(); begin = end) {
    while (end < ranked_.size() && equal_rank(ranked_[begin], ranked_[end])) ++end;
    add_group(begin, end);
  }
}

void TablesBuilder::add_group(std::size_t begin, std::size_t end) {
  const RankedEntry& e = ranked_[begin];
  Terminal& terminal = t_->terminals[e.terminal];
  const config::ConditionKey* key = dispatch_key(begin, end);
  auto count = static_cast<std::uint32_t>(end - begin);
  if (terminal.count > 0 && key == nullptr) {  // tried one after the other, as those before
    Run& last = t_->runs.back();
    if (last.dispatch == 0 && last.level == e.level) {
      last.count += count;
      return;
    }
  }
  if (terminal.count++ == 0) terminal.first = size_of(t_->runs);
  std::uint32_t dispatch = key != nullptr ? add_dispatch(*key, begin, end) : 0;
  t_->runs.push_back({e.level, static_cast<std::uint32_t>(begin), count, dispatch});
}

// A condition of `entry` on `key` that admits only given texts.
const config::Condition* TablesBuilder::dispatch_condition(const RankedEntry& entry,
                                                           const config::ConditionKey& key) const {
  for (const config::Condition* c : maps_[entry.map].compiled)
    if (c->key == key && !c->negate && !c->any_of.empty() &&
        std::ranges::all_of(c->any_of, [](const auto& t) { return t.kind == config::Test::Kind::exact; }))
      return c;
  return nullptr;
}

// The key that tells most of the group apart; null if it is not worth it.
const config::ConditionKey* TablesBuilder::dispatch_key(std::size_t begin, std::size_t end) const {
  if (end - begin < kDispatchFrom) return nullptr;
  struct Usage {
    const config::ConditionKey* key = nullptr;
    std::size_t count = 0;
  };
  std::map<std::string, Usage> usages;
  for (std::size_t i = begin; i < end; ++i)
    for (const config::Condition* c : maps_[ranked_[i].map].compiled)
      if (dispatch_condition(ranked_[i], c->key) == c) {
        Usage& u = usages[key_text(c->key)];
        u.key = &c->key;
        ++u.count;
      }
  Usage best;
  for (const auto& [text, usage] : usages)
    if (usage.count > best.count) best = usage;
  return best.count >= kDispatchFrom ? best.key : nullptr;
}

std::uint32_t TablesBuilder::add_dispatch(const config::ConditionKey& key, std::size_t begin,
                                          std::size_t end) {
  std::uint32_t id = size_of(t_->dispatches);
  Dispatch dispatch;
  for (auto i = static_cast<std::uint32_t>(begin); i < end; ++i) {
    const config::Condition* c = dispatch_condition(ranked_[i], key);
    if (c == nullptr) {
      dispatch.rest.push_back(i);
      continue;
    }
    dispatch.condition = t_->conditions.find(ranges_[ranked_[i].map], *c);
    for (const config::Test& t : c->any_of) {
      std::uint32_t fresh = size_of(t_->dispatch_lists);
      std::uint32_t list = t_->dispatch_texts.insert(id, t.text, fresh);
      if (list == fresh) t_->dispatch_lists.emplace_back();
      if (auto& entries = t_->dispatch_lists[list]; entries.empty() || entries.back() != i)
        entries.push_back(i);
    }
  }
  t_->dispatches.push_back(std::move(dispatch));
  return id;
}

}  // namespace

std::unique_ptr<const RouterTables> build_tables(const config::Spec& spec, config::Diagnostics& diagnostics) {
  return TablesBuilder(spec, diagnostics).build();
}

}  // namespace gatehouse::gateway
