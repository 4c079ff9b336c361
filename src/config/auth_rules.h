// Which `auth` decides about a request (rule 7): the narrowest of route, service, `auth.public`, listener and
// all. Pure.
#pragma once

#include "config/spec.h"

namespace gatehouse::config {

// What a route asks through one listener. `auth.public` depends on the path, so there are two answers.
// They point into the Spec, or to something static.
struct AuthRules {
  const AuthRule* otherwise;     // of a request whose path `auth.public` does not name
  const AuthRule* public_paths;  // of one whose path it names; the same where route or service says more
};

// Without `auth` at the top nobody is asked: both are `off`. A route that leads to no service (`redirect`,
// `reply`) skips that step. The services of a route with several have the same rule, or the route has its
// own: the loader checks that.
AuthRules auth_rules(const Spec& spec, const ListenerSpec& listener, const RouteSpec& route);
// The same for who knows the service already (null = it leads to none): without a search through all of them.
AuthRules auth_rules(const Spec& spec, const ListenerSpec& listener, const RouteSpec& route,
                     const ServiceSpec* service);

// How methods are named in `auth: [...]` and before users: the name of an issuer, or this.
inline constexpr const char* kApiKeysName = "api_keys";

// Whether a user is called `issuer:name`: where there is more than one issuer or method.
bool users_have_issuer(const AuthSpec& auth) noexcept;

}  // namespace gatehouse::config
