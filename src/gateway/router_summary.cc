// What each listener opens: the end of `gatehouse check` (configuration rule 6).
#include <algorithm>

#include "config/auth_rules.h"
#include "gateway/condition.h"
#include "gateway/router.h"

namespace gatehouse::gateway {
namespace {

std::string joined(const std::vector<std::string>& parts, const char* separator, const char* none) {
  if (parts.empty()) return none;
  std::string text = parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i) text += separator + parts[i];
  return text;
}

std::string percent_text(double percent) {
  std::string text = std::to_string(percent);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text + '%';
}

std::string target_text(const config::RouteSpec& route) {
  if (route.redirect) return "redirect to " + route.redirect->to.source();
  if (route.reply) return "reply " + std::to_string(route.reply->status);
  std::vector<std::string> parts;
  parts.reserve(route.to.size());
  for (const config::Target& t : route.to) {
    parts.push_back(route.to.size() > 1 ? shown(t) + ' ' + percent_text(t.percent) : shown(t));
  }
  return joined(parts, ", ", "nothing");
}

// Whether a map of `when` can hold on the listener, whatever the request. The conditions on the listener are
// asked as a request would ask them, so that the summary cannot read one otherwise.
bool possible_on(const config::ConditionSet& set, const std::string& listener) {
  return std::ranges::all_of(set, [&](const config::Condition& c) {
    if (c.key.kind != config::ConditionKey::Kind::listener) return true;
    ConditionTable table;
    ConditionScratch scratch;
    config::Diagnostics already_told;
    const config::Condition* one[] = {&c};
    RouteQuery query;
    query.listener = listener;
    return table.holds(table.add(one, already_told), query, scratch) == Truth::yes;
  });
}

std::string when_text(const config::RouteSpec& route, const std::string& listener) {
  std::vector<std::string> maps;
  for (const config::ConditionSet& set : route.when) {
    if (!possible_on(set, listener)) continue;
    std::vector<std::string> keys;
    for (const config::Condition& c : set)
      if (c.key.kind != config::ConditionKey::Kind::listener) keys.push_back(condition_text(c));
    if (keys.empty()) return {};
    maps.push_back(joined(keys, " and ", ""));
  }
  return joined(maps, " or ", "");
}

bool open_on(const config::Spec& spec, const config::RouteSpec& route, const std::string& listener) {
  if (!route.when.empty() &&
      std::ranges::none_of(route.when, [&](const auto& set) { return possible_on(set, listener); }))
    return false;
  // A split is let in by all of its services or not at all: which of them answers is decided later.
  return std::ranges::all_of(route.to, [&](const config::Target& t) {
    auto service = std::ranges::find(spec.services, t.service, &config::ServiceSpec::name);
    return service == spec.services.end() || service->only.empty() ||
           std::ranges::find(service->only, listener) != service->only.end();
  });
}

bool needs_none(const config::AuthRule& rule) { return rule.mode != config::AuthRule::Mode::required; }

// What the route asks of who comes through the listener, on one of its paths (null: any).
void say_auth(const config::Spec& spec, const config::AuthRules& rules, const config::PathPattern* path,
              OpenRoute& row) {
  row.open = needs_none(*rules.otherwise);
  row.auth = row.open ? std::string() : rules.otherwise->text;
  if (row.open || !spec.auth || !needs_none(*rules.public_paths)) return;
  for (const config::PathPattern& open : spec.auth->public_paths) {
    if (path != nullptr && covers(open, *path)) {
      row.open = true;
      row.auth.clear();
      return;
    }
    // Of a regex nobody can tell: it is named rather than passed over.
    if (path == nullptr || covers(*path, open) || !open.regex.empty() || !path->regex.empty())
      row.auth += (row.auth == rules.otherwise->text ? ", but none on " : ", ") + open.text;
  }
}

}  // namespace

std::vector<OpenRoute> open_routes(const config::Spec& spec) {
  std::vector<OpenRoute> rows;
  for (const config::ListenerSpec& listener : spec.listeners) {
    for (std::uint32_t i = 0; i < spec.routes.size(); ++i) {
      const config::RouteSpec& route = spec.routes[i];
      if (!open_on(spec, route, listener.name)) continue;
      OpenRoute row{listener.name,
                    "*",
                    "/*",
                    joined(route.methods, ", ", "*"),
                    target_text(route),
                    when_text(route, listener.name),
                    {},
                    true,
                    i};
      const config::AuthRules rules = config::auth_rules(spec, listener, route);
      for (std::size_t h = 0; h < std::max<std::size_t>(route.hosts.size(), 1); ++h) {
        if (!route.hosts.empty()) row.host = shown(route.hosts[h]);
        for (std::size_t p = 0; p < std::max<std::size_t>(route.paths.size(), 1); ++p) {
          if (!route.paths.empty()) row.path = route.paths[p].text;
          say_auth(spec, rules, route.paths.empty() ? nullptr : &route.paths[p], row);
          rows.push_back(row);
        }
      }
    }
  }
  return rows;
}

}  // namespace gatehouse::gateway
