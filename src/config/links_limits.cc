// What holds between limits and the rest of a configuration.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "config/auth_rules.h"
#include "config/links.h"
#include "config/values.h"

namespace gatehouse::config {

namespace {

using By = LimitBy::Kind;
using Key = ConditionKey::Kind;

bool asks_for_identity(const Condition& condition) {
  return condition.key.kind == Key::user || condition.key.kind == Key::claim;
}

// Whether the conditions hold only for who has shown who they are.
bool only_for_known(const When& when) {
  return !when.empty() && std::ranges::all_of(when, [](const ConditionSet& set) {
    return std::ranges::any_of(set, [](const Condition& c) { return asks_for_identity(c) && !c.negate; });
  });
}

// Whether they hold for everybody who has not.
bool for_all_unknown(const When& when) {
  return when.empty() || std::ranges::any_of(when, [](const ConditionSet& set) {
           return std::ranges::all_of(set,
                                      [](const Condition& c) { return asks_for_identity(c) && c.negate; });
         });
}

bool is_required(const AuthRules& rules) {
  return rules.otherwise->mode == AuthRule::Mode::required &&
         rules.public_paths->mode == AuthRule::Mode::required;
}

bool anybody_may_take(const Spec& spec, const RouteSpec& route) {
  return std::ranges::any_of(spec.listeners, [&](const ListenerSpec& listener) {
    const AuthRules rules = auth_rules(spec, listener, route);
    if (is_required(rules)) return false;
    return rules.otherwise->mode != AuthRule::Mode::required ||
           (spec.auth && !spec.auth->public_paths.empty());
  });
}

void check_keys(Reader& reader, const Spec& spec, const LimitSpec& limit) {
  const bool by_identity =
      limit.by.kind == By::user || limit.by.kind == By::claim || limit.by.kind == By::key;
  if (!spec.auth) {
    for (const ConditionSet& set : limit.when)
      for (const Condition& condition : set)
        if (asks_for_identity(condition))
          reader.error(condition.at,
                       "a condition on who the user is, but no `auth` at the top of the file says who "
                       "vouches for them",
                       "Write `auth: {issuer: https://id.example.com}`");
    if (by_identity && limit.by_given)
      reader.hint(
          limit.at,
          fmt::format("`{}` counts per {}, but without `auth` nobody has one: all are counted by address",
                      limit.name, show_limit_by(limit.by)),
          "Write `per ip`, or `auth: {issuer: https://id.example.com}` at the top");
  } else if (limit.by.kind == By::key && !spec.auth->api_keys) {
    reader.warning(
        limit.at,
        fmt::format("`{}` counts per API key, but there are no `api_keys`: all are counted by address",
                    limit.name),
        "Write `per user`");
  }
}

// A value that anybody may make up is no limit: each request could bring another.
void check_chosen(Reader& reader, const Spec& spec, const LimitSpec& limit, bool reached_by_anybody) {
  const bool by_header = limit.by.kind == By::header;
  const bool cost_by_header = limit.cost.from == LimitCost::From::request_header;
  if (!by_header && !cost_by_header) return;
  if (!reached_by_anybody || only_for_known(limit.when)) return;
  // Who has no identity is counted by address, whatever else a limit counts by; without `auth` that is
  // everybody.
  const bool bounded = std::ranges::any_of(spec.limits, [&](const LimitSpec& other) {
    const bool by_identity =
        other.by.kind == By::user || other.by.kind == By::claim || other.by.kind == By::key;
    return &other != &limit && !other.dry_run && (other.by.kind == By::ip || by_identity) &&
           for_all_unknown(other.when);
  });
  if (bounded) return;
  reader.warning(
      limit.at,
      by_header
          ? fmt::format("`{}` counts by the header `{}`, which any client may choose, and no limit `per ip` "
                        "applies: it holds nobody back who makes up values",
                        limit.name, limit.by.name)
          : fmt::format("`{}` charges what the header `{}` says, which any client may choose, and no limit "
                        "`per ip` applies: whoever says 1 pays 1",
                        limit.name, limit.cost.header),
      "Add for example `limits: {address: 50/s per ip}`");
}

}  // namespace

void check_limits(Reader& reader, Spec& spec) {
  for (ServiceSpec& service : spec.services)
    if (service.limit) service.limit->name = "services." + service.name;
  for (RouteSpec& route : spec.routes)
    if (route.limit) route.limit->name = "routes." + route.name;

  const bool anybody =
      std::ranges::any_of(spec.routes, [&](const RouteSpec& route) { return anybody_may_take(spec, route); });
  for (const LimitSpec& limit : spec.limits) {
    check_keys(reader, spec, limit);
    check_chosen(reader, spec, limit, anybody);
  }
  for (const ServiceSpec& service : spec.services) {
    if (!service.limit) continue;
    const bool open = std::ranges::any_of(spec.routes, [&](const RouteSpec& route) {
      return std::ranges::find(route.to, service.name, &Target::service) != route.to.end() &&
             anybody_may_take(spec, route);
    });
    check_keys(reader, spec, *service.limit);
    check_chosen(reader, spec, *service.limit, open);
  }
  for (const RouteSpec& route : spec.routes) {
    if (!route.limit) continue;
    check_keys(reader, spec, *route.limit);
    check_chosen(reader, spec, *route.limit, anybody_may_take(spec, route));
  }
}

}  // namespace gatehouse::config
