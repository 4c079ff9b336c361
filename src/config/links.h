// What holds between the parts of a configuration, once all files are read: references, base routes, names,
// ports.
#pragma once

#include "config/reader.h"

namespace gatehouse::config {

// Services and listeners that are named must exist.
void check_references(Reader& reader, const Spec& spec);
// One of these names: an issuer, or `api_keys`.
void check_issuer(Reader& reader, const Reference& reference, const Spec& spec);
// What asks who the user is needs `auth` at the top; the services of one route ask for the same.
void check_auth(Reader& reader, const Spec& spec);
// Names the limits of services and routes, and warns about what a limit cannot hold back.
void check_limits(Reader& reader, Spec& spec);
// Two listeners, or one and the admin API, on one port.
void check_ports(Reader& reader, const Spec& spec);
// A service's own `rewrite` must be filled by the paths of the routes that use it.
void check_rewrites(Reader& reader, const Spec& spec);
// Rule 6: a service that no written route leads to as a whole has a route of its own.
void add_base_routes(Reader& reader, Spec& spec);
// Every route gets a name; given names must be unique.
void name_routes(Reader& reader, Spec& spec);

}  // namespace gatehouse::config
