#include "gateway/weaker_route.h"

#include <algorithm>
#include <string>
#include <vector>

#include "config/auth_rules.h"
#include "gateway/condition.h"

namespace gatehouse::gateway {
namespace {

// Pairs that are looked at: a configuration of thousands of guarded routes beside thousands of open ones is
// not compared for seconds.
constexpr std::size_t kMostPairs = 2'000'000;

bool guarded(const config::Spec& spec, const config::RouteSpec& route) {
  return std::ranges::all_of(spec.listeners, [&](const config::ListenerSpec& l) {
    return config::auth_rules(spec, l, route).otherwise->mode == config::AuthRule::Mode::required;
  });
}
bool open(const config::Spec& spec, const config::RouteSpec& route) {
  return std::ranges::any_of(spec.listeners, [&](const config::ListenerSpec& l) {
    return config::auth_rules(spec, l, route).otherwise->mode != config::AuthRule::Mode::required;
  });
}

bool in_hosts(const config::RouteSpec& inner, const config::RouteSpec& outer) {
  if (outer.hosts.empty()) return true;
  return !inner.hosts.empty() && std::ranges::all_of(inner.hosts, [&](const config::HostPattern& h) {
    return std::ranges::any_of(outer.hosts, [&](const config::HostPattern& o) {
      return o == h || (!h.wildcard && host_matches(o, h.text));
    });
  });
}

// A path of `inner` all of which `outer` takes as well; null: there is none.
const config::PathPattern* path_inside(const config::RouteSpec& inner, const config::RouteSpec& outer) {
  for (const config::PathPattern& path : inner.paths) {
    const bool taken = outer.paths.empty() ||
                       std::ranges::any_of(outer.paths, [&](const auto& o) { return covers(o, path); });
    if (taken) return &path;
  }
  return nullptr;
}

bool is_partial(const config::RouteSpec& r) { return !r.methods.empty() || !r.when.empty(); }

// Whether what `r` does not take goes to another guarded route before it comes to `w`.
bool is_backed(const config::Spec& spec, const config::RouteSpec& r, const config::RouteSpec& w) {
  return std::ranges::any_of(spec.routes, [&](const config::RouteSpec& g) {
    return !is_partial(g) && in_hosts(r, g) && path_inside(r, g) != nullptr && path_inside(g, w) != nullptr &&
           guarded(spec, g);
  });
}

}  // namespace

void warn_of_weaker_routes(const config::Spec& spec, config::Diagnostics& diagnostics) {
  if (!spec.auth) return;
  std::vector<const config::RouteSpec*> wide;
  for (const config::RouteSpec& r : spec.routes)
    if (open(spec, r)) wide.push_back(&r);
  std::size_t pairs = 0;
  std::size_t warnings = 0;
  for (const config::RouteSpec& r : spec.routes) {
    if (!is_partial(r) || !guarded(spec, r)) continue;
    for (const config::RouteSpec* w : wide) {
      if (++pairs > kMostPairs || warnings == kMostWarnings) return;
      if (w->priority > r.priority || !in_hosts(r, *w)) continue;
      const config::PathPattern* path = path_inside(r, *w);
      if (path == nullptr || is_backed(spec, r, *w)) continue;
      ++warnings;
      diagnostics.push_back({config::Diagnostic::Level::warning, r.at,
                             "route `" + r.name + "` asks for credentials, but what it does not take of `" +
                                 path->text + "` goes to `" + w->name + "`, which asks for none",
                             r.methods.empty() ? "Add a route to the same path without `when`"
                                               : "Add a route to the same path for the other methods"});
      break;
    }
  }
}

}  // namespace gatehouse::gateway
