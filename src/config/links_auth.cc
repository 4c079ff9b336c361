// What holds between `auth` at the top and what routes, services and listeners ask.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/auth_rules.h"
#include "config/kinds.h"
#include "config/links.h"
#include "config/suggest.h"

namespace gatehouse::config {

namespace {

bool same_place(const Location& a, const Location& b) {
  return a.file == b.file && a.line == b.line && a.column == b.column;
}

void needs_auth(Reader& reader, const std::optional<AuthRule>& rule) {
  if (!rule || rule->mode == AuthRule::Mode::off) return;
  reader.error(rule->at, "`auth` here, but none at the top of the file that says who vouches for users",
               "Write `auth: {issuer: https://id.example.com}`");
}

void check_conditions(Reader& reader, const RouteSpec& route) {
  for (const ConditionSet& set : route.when) {
    for (const Condition& condition : set) {
      if (condition.key.kind != ConditionKey::Kind::user && condition.key.kind != ConditionKey::Kind::claim)
        continue;
      reader.error(
          condition.at,
          "a condition on who the user is, but no `auth` at the top of the file says who vouches for them",
          "Write `auth: {issuer: https://id.example.com}`");
    }
  }
}

void check_without_auth(Reader& reader, const Spec& spec) {
  for (const ListenerSpec& listener : spec.listeners) needs_auth(reader, listener.auth);
  const auto& shared = reader.defaults.auth;
  needs_auth(reader, shared);
  for (const ServiceSpec& service : spec.services) {
    if (service.auth && shared && same_place(service.auth->at, shared->at)) continue;  // said once
    needs_auth(reader, service.auth);
  }
  for (const RouteSpec& route : spec.routes) {
    needs_auth(reader, route.auth);
    check_conditions(reader, route);
  }
}

bool same_rule(const std::optional<AuthRule>& a, const std::optional<AuthRule>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->mode == b->mode && a->issuers == b->issuers && a->text == b->text;
}

// Who is let in is decided before one of the services is chosen.
void check_weighted(Reader& reader, const Spec& spec) {
  std::unordered_map<std::string_view, const ServiceSpec*> services;
  for (const ServiceSpec& service : spec.services) services.emplace(service.name, &service);
  for (const RouteSpec& route : spec.routes) {
    if (route.auth || route.to.size() < 2) continue;
    const ServiceSpec* first = nullptr;
    for (const Target& target : route.to) {
      const auto service = services.find(target.service);
      if (service == services.end()) continue;
      if (first == nullptr) first = service->second;
      if (same_rule(first->auth, service->second->auth)) continue;
      reader.error(route.at,
                   fmt::format("the services `{}` and `{}` of this route ask for different `auth`",
                               first->name, service->second->name),
                   "Give the route its own `auth`");
      break;
    }
  }
}

}  // namespace

void check_issuer(Reader& reader, const Reference& reference, const Spec& spec) {
  if (!spec.auth || (spec.auth->issuers.empty() && !spec.auth->api_keys)) return;  // said elsewhere
  std::vector<std::string_view> names;
  names.reserve(spec.auth->issuers.size() + 1);
  for (const IssuerSpec& issuer : spec.auth->issuers) names.emplace_back(issuer.name);
  if (spec.auth->api_keys) names.emplace_back(kApiKeysName);
  if (std::ranges::find(names, reference.name) != names.end()) return;
  if (reference.shown != reference.name) {
    reader.error(reference.at, fmt::format("what `{}` stands for is no issuer", reference.shown));
    return;
  }
  if (reference.name == kApiKeysName) {
    reader.error(reference.at, "there are no `api_keys`", "Write `auth: {api_keys: {keys: ...}}` at the top");
    return;
  }
  std::vector<std::string_view> words = names;
  words.insert(words.end(), mode_words().begin(), mode_words().end());
  std::string hint = did_you_mean(reference.name, words);
  if (hint.empty()) {
    names.resize(std::min<std::size_t>(names.size(), 8));
    hint = fmt::format("Known are `{}`; or write `off`, `optional` or `required`", fmt::join(names, "`, `"));
  }
  reader.error(reference.at, fmt::format("there is no issuer `{}`", reference.name), std::move(hint));
}

void check_auth(Reader& reader, const Spec& spec) {
  if (!spec.auth) return check_without_auth(reader, spec);
  check_weighted(reader, spec);
}

}  // namespace gatehouse::config
