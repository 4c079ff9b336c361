// The router against a linear reading of the rules: random routes, random requests, from one seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <compare>
#include <random>
#include <set>
#include <tuple>

#include "gateway/router.h"
#include "gateway/router_testing.h"

namespace gatehouse::gateway {
namespace {

using config::PathSegment;
using Kind = RouteChoice::Kind;

// ---- the rules, one after the other, with nothing of the router
// ----------------------------------------------------

// A segment's rank: literal before `:id` before `*`; the end of a literal path before what a longer pattern
// would be.
enum class Step : std::uint8_t { end_as_written, end_with_slash_lent, literal, parameter, star };
struct PathRank {
  bool regex = false;
  std::vector<Step> steps;
  auto operator<=>(const PathRank&) const = default;
};

std::vector<std::string> matched_segments(std::string_view path) {
  std::vector<std::string> segments = testing::split(path.substr(1), '/');
  for (std::string& s : segments) s = s.substr(0, s.find(';'));
  return segments;
}

// Regexes of this test are of the form `/literal/.*` or `/[ab]+`.
bool regex_matches(const std::string& regex, const std::vector<std::string>& segments) {
  std::string path;
  for (const std::string& s : segments) path += '/' + s;
  if (regex == "/[ab]+") return path.size() > 1 && path.find_first_not_of("ab", 1) == path.npos;
  return path.starts_with(regex.substr(0, regex.size() - 2));
}

std::optional<PathRank> path_rank(const config::PathPattern& pattern, std::string_view path) {
  std::vector<std::string> segments = matched_segments(path);
  PathRank rank;
  if (!pattern.regex.empty()) {
    rank.regex = true;
    return regex_matches(pattern.regex, segments) ? std::optional(rank) : std::nullopt;
  }
  bool slash = segments.back().empty();
  if (slash) segments.pop_back();
  bool root = segments.empty();
  if (pattern.segments.size() > segments.size()) return std::nullopt;
  for (std::size_t i = 0; i < pattern.segments.size(); ++i) {
    const PathSegment& s = pattern.segments[i];
    bool parameter = s.kind == PathSegment::Kind::parameter;
    if (parameter ? segments[i].empty() : segments[i] != s.text) return std::nullopt;
    rank.steps.push_back(parameter ? Step::parameter : Step::literal);
  }
  if (pattern.below) {
    rank.steps.push_back(Step::star);
    return rank;
  }
  if (pattern.segments.size() != segments.size()) return std::nullopt;
  bool named = pattern.trailing_slash || root;
  if (named && !slash && !root) return std::nullopt;
  rank.steps.push_back(!slash || named ? Step::end_as_written : Step::end_with_slash_lent);
  return rank;
}

// Lower is better: exact, wildcards by length, any.
std::optional<int> host_rank(const config::HostPattern& pattern, std::string_view host) {
  if (pattern.text.empty()) return 1000;
  if (!pattern.wildcard) return host == pattern.text ? std::optional(0) : std::nullopt;
  if (host.size() <= pattern.text.size() || !host.ends_with(pattern.text)) return std::nullopt;
  return 500 - static_cast<int>(pattern.text.size());
}

bool test_holds(const config::Test& t, const std::string& value) {
  switch (t.kind) {
    case config::Test::Kind::present: return true;
    case config::Test::Kind::exact: return value == t.text;
    case config::Test::Kind::prefix: return value.starts_with(t.text);
    default: return false;
  }
}

std::vector<std::string> values_of(const config::ConditionKey& key, const RouteQuery& q) {
  std::vector<std::string> values;
  auto add = [&](std::string_view v) { values.emplace_back(v); };
  switch (key.kind) {
    case config::ConditionKey::Kind::header:
      for (const auto& h : q.request->headers)
        if (h.name == key.name) add(h.value);
      break;
    case config::ConditionKey::Kind::query: http::for_each_query(q.request->query, key.name, add); break;
    case config::ConditionKey::Kind::listener: add(q.listener); break;
    case config::ConditionKey::Kind::method:
      add(q.method_text);
      if (q.method_text == "HEAD") add("GET");
      break;
    case config::ConditionKey::Kind::claim:
      for (const auto& a : q.attributes->items)
        if (a.key == "claim." + key.name) add(a.value);
      break;
    default: break;
  }
  return values;
}

bool condition_holds(const config::Condition& c, const RouteQuery& q) {
  bool any = false;
  if (c.key.kind == config::ConditionKey::Kind::path) {
    for (const auto& p : c.paths) any = any || path_rank(p, q.path);
  } else {
    for (const std::string& v : values_of(c.key, q))
      for (const config::Test& t : c.any_of) any = any || test_holds(t, v);
  }
  return any != c.negate;
}

bool is_method(const config::Condition& c) { return c.key.kind == config::ConditionKey::Kind::method; }

bool some_method_fits(const config::RouteSpec& r, const config::ConditionSet& map) {
  for (std::string_view m : {"GET", "HEAD", "POST", "PUT", "BREW", "DELETE", "PATCH"}) {
    testing::Request request(m);
    bool in_list = r.methods.empty() || std::ranges::find(r.methods, m) != r.methods.end() ||
                   (m == "HEAD" && std::ranges::find(r.methods, "GET") != r.methods.end());
    auto fits = [&](const auto& c) { return !is_method(c) || condition_holds(c, request.query()); };
    if (in_list && std::ranges::all_of(map, fits)) return true;
  }
  return false;
}

struct Best {
  std::tuple<std::int64_t, int, PathRank, int, bool, std::uint32_t> rank;
  std::uint32_t route = 0;
};

// What serves the request if its conditions are those of `method_counts` only: without it, methods are passed
// over.
std::optional<Best> naive_match(const config::Spec& spec, const RouteQuery& q, bool with_methods) {
  std::optional<Best> best;
  static const config::ConditionSet kAlways;
  for (std::uint32_t i = 0; i < spec.routes.size(); ++i) {
    const config::RouteSpec& r = spec.routes[i];
    std::vector<config::PathPattern> paths =
        r.paths.empty() ? std::vector{testing::path_pattern("/*")} : r.paths;
    std::vector<config::HostPattern> hosts = r.hosts.empty() ? std::vector<config::HostPattern>(1) : r.hosts;
    std::vector<config::ConditionSet> maps = r.when.empty() ? config::When{kAlways} : r.when;
    auto names = [&](std::string_view m) { return std::ranges::find(r.methods, m) != r.methods.end(); };
    std::string_view m = q.method_text;
    bool method = r.methods.empty() || names(m) || (m == "HEAD" && names("GET"));
    if (with_methods && !method) continue;
    for (const auto& map : maps) {
      if (!with_methods && !some_method_fits(r, map)) continue;  // then it is no route at all
      bool holds = std::ranges::all_of(
          map, [&](const auto& c) { return (is_method(c) && !with_methods) || condition_holds(c, q); });
      if (!holds) continue;
      bool in_map = std::ranges::any_of(map, is_method);
      int keys = static_cast<int>(map.size()) + (!r.methods.empty() && !in_map ? 1 : 0);
      bool head = names("HEAD");
      for (const auto& c : map)
        if (is_method(c) && !c.negate)
          head = head || std::ranges::any_of(c.any_of, [](const auto& t) {
                   return t.kind == config::Test::Kind::exact && t.text == "HEAD";
                 });
      for (const auto& h : hosts)
        for (const auto& p : paths) {
          auto host = host_rank(h, q.host);
          auto path = path_rank(p, q.path);
          if (!host || !path) continue;
          Best b{{-r.priority, *host, *path, -keys, !head, i}, i};
          if (!best || b.rank < best->rank) best = b;
        }
    }
  }
  return best;
}

// ---- random routes and requests
// ------------------------------------------------------------------------------------

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  bool once_in(unsigned n) { return engine_() % n == 0; }
  std::size_t below(std::size_t n) { return engine_() % n; }
  std::string of(std::initializer_list<const char*> list) { return *(list.begin() + below(list.size())); }

 private:
  std::mt19937_64 engine_;
};

std::string random_pattern(Random& r) {
  if (r.once_in(12)) return r.of({"~/a/.*", "~/b/.*", "~/[ab]+"});
  std::string p;
  for (std::size_t n = r.below(4); n > 0; --n) p += r.of({"/a", "/b", "/a", "/b", "/:x", "/c"});
  return p + (p.empty() ? r.of({"/", "/*"}) : r.of({"", "", "", "/", "/*", "/*"}));
}

std::string random_condition(Random& r) {
  std::string key =
      r.of({"header.x", "header.x", "header.y", "query.q", "listener", "method", "claim.c", "path"});
  if (key == "path")
    return "path: " + std::string(r.once_in(3) ? "not " : "") + r.of({"/a/*", "/b/:x", "/a/b", "/*"});
  if (key == "method") return "method: " + r.of({"GET", "POST", "not POST", "HEAD", "GET|PUT", "P*"});
  if (key == "listener") return "listener: " + r.of({"public", "internal", "not public"});
  return key + ": " + std::string(r.once_in(4) ? "not " : "") + r.of({"1", "2", "1|2", "*", "1*", "3"});
}

config::Spec random_spec(Random& r) {
  config::Spec spec;
  std::size_t routes = 1 + r.below(24);
  for (std::size_t i = 0; i < routes; ++i) {
    std::vector<std::vector<std::string>> maps(r.once_in(2) ? 0 : 1 + r.below(2));
    for (auto& map : maps) {
      std::set<std::string> keys;
      for (std::size_t n = r.below(3); n > 0; --n) {
        std::string c = random_condition(r);
        if (keys.insert(c.substr(0, c.find(':'))).second) map.push_back(c);
      }
    }
    testing::RouteText text;
    std::string path = random_pattern(r);
    if (r.once_in(5)) path += ' ' + random_pattern(r);
    std::string host = r.of({"", "", "", "h.a", "h.a g.a", "*.a", "*.b.a"});
    std::string methods = r.of({"", "", "", "GET", "GET POST", "HEAD", "PUT", "BREW"});
    if (!r.once_in(15)) text.path = path;
    text.host = host;
    text.methods = methods;
    text.priority = r.once_in(6) ? static_cast<std::int64_t>(r.below(3)) - 1 : 0;
    for (auto& map : maps) text.when.emplace_back(map.begin(), map.end());
    spec.routes.push_back(testing::route(text, i));
  }
  if (r.once_in(3))  // enough of one kind to be found by hash
    for (std::size_t i = 0; i < 12; ++i) {
      std::string when = r.of({"header.x: ", "query.q: "}) + std::to_string(i) + (r.once_in(3) ? "|99" : "");
      spec.routes.push_back(testing::route({"/a/b", "", "", {{when}}}, spec.routes.size()));
    }
  return spec;
}

// Leaves out routes that the overlap check refuses, until it is content.
std::unique_ptr<const Router> settle(config::Spec& spec) {
  for (;;) {
    config::Diagnostics diagnostics;
    if (auto router = Router::compile(spec, diagnostics)) return router;
    std::set<std::uint32_t> wrong;
    for (const auto& d : diagnostics) wrong.insert(d.at.line);
    std::erase_if(spec.routes, [&](const auto& route) { return wrong.contains(route.at.line); });
  }
}

std::string random_url(Random& r) {
  std::string url;
  for (std::size_t n = r.below(5); n > 0; --n) {
    url += r.of({"/a", "/b", "/a", "/b", "/c", "/ab", "/a;p", "/b;q=1;r", "/"});
    if (url.ends_with("//")) url.pop_back();  // runs of '/' are merged before
  }
  if (url.empty() || r.once_in(4)) url += url.ends_with('/') ? "" : r.of({"/", "/;s"});
  if (r.once_in(2)) url += "?q=" + r.of({"1", "2", "7", "11", "99"}) + (r.once_in(4) ? "&q=3" : "");
  return url;
}

std::string shown(const config::Spec& spec) {
  std::string text;
  for (const auto& r : spec.routes) {
    text += r.name + ":";
    for (const auto& p : r.paths) text += ' ' + p.text;
    for (const auto& h : r.hosts) text += " host " + h.text;
    for (const auto& m : r.methods) text += ' ' + m;
    for (const auto& map : r.when) {
      text += " {";
      for (const auto& c : map) text += condition_text(c) + "; ";
      text += "}";
    }
    text += " priority " + std::to_string(r.priority) + '\n';
  }
  return text;
}

void compare(const config::Spec& spec, const Router& router, RouterScratch& scratch, Random& r,
             std::array<std::size_t, 4>& seen) {
  std::string method = r.of({"GET", "GET", "POST", "HEAD", "PUT", "BREW", "OTHER"});
  std::string url = random_url(r);
  std::string host = r.of({"h.a", "g.a", "x.b.a", "b.a", "z"});
  testing::Request request(method, url, host);
  for (const char* name : {"x", "y"})
    for (std::size_t n = r.below(3); n > 0; --n) request.header(name, r.of({"1", "2", "3", "11", "5", "99"}));
  request.listener(r.of({"public", "internal"}));
  RouteChoice early = router.match(request.query(), scratch);
  request.identified();
  if (r.once_in(2)) request.attribute("claim.c", r.of({"1", "2", "3"}));
  RouteChoice got = router.match(request.query(), scratch);
  auto best = naive_match(spec, request.query(), true);
  auto other = best ? best : naive_match(spec, request.query(), false);
  Kind wanted = best ? Kind::found : other ? Kind::wrong_method : Kind::no_route;
  auto where = [&] { return method + ' ' + host + url + '\n' + shown(spec); };
  ASSERT_EQ(got.kind, wanted) << where();
  if (best) {
    ASSERT_EQ(got.route, best->route) << where();
  }
  if (early.kind == Kind::found) {
    ASSERT_TRUE(best) << where();
    ASSERT_EQ(early.route, best->route) << where();
  } else if (early.kind != Kind::needs_attributes) {
    ASSERT_FALSE(best) << where();
  }
  ++seen[static_cast<std::size_t>(early.kind)];
}

TEST(RouterProperty, AgreesWithALinearReadingOfTheRules) {
  constexpr std::uint64_t kSeed = 20260101;
  constexpr std::size_t kPairs = 100'000;
  constexpr std::size_t kRequests = 50;  // to each configuration
  std::size_t compared = 0;
  std::array<std::size_t, 4> seen{};
  for (std::uint64_t i = 0; compared < kPairs; ++i) {
    Random r(kSeed + i);
    config::Spec spec = random_spec(r);
    auto router = settle(spec);
    RouterScratch scratch(*router);
    for (std::size_t n = 0; n < kRequests; ++n, ++compared) {
      compare(spec, *router, scratch, r, seen);
      if (HasFatalFailure()) FAIL() << "seed " << kSeed + i;
    }
  }
  for (std::size_t count : seen) EXPECT_GT(count, kPairs / 50);  // none of the four answers is a rarity
}

}  // namespace
}  // namespace gatehouse::gateway
