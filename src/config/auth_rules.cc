#include "config/auth_rules.h"

#include <algorithm>

namespace gatehouse::config {

AuthRules auth_rules(const Spec& spec, const ListenerSpec& listener, const RouteSpec& route,
                     const ServiceSpec* service) {
  static const AuthRule kOff{.mode = AuthRule::Mode::off, .text = "off"};
  static const AuthRule kPublic{.mode = AuthRule::Mode::optional, .text = "optional"};
  if (!spec.auth) return {&kOff, &kOff};
  if (route.auth) return {&*route.auth, &*route.auth};
  if (service != nullptr && service->auth) return {&*service->auth, &*service->auth};
  return {listener.auth ? &*listener.auth : &spec.auth->rule, &kPublic};
}

AuthRules auth_rules(const Spec& spec, const ListenerSpec& listener, const RouteSpec& route) {
  if (route.to.empty()) return auth_rules(spec, listener, route, nullptr);
  const auto service = std::ranges::find(spec.services, route.to.front().service, &ServiceSpec::name);
  return auth_rules(spec, listener, route, service != spec.services.end() ? &*service : nullptr);
}

bool users_have_issuer(const AuthSpec& auth) noexcept {
  return auth.issuers.size() + (auth.api_keys ? 1 : 0) > 1;
}

}  // namespace gatehouse::config
