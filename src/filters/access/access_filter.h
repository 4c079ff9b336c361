// `allow`, `deny` and `only` of services: who may ask, and on which listener a service exists.
#pragma once

#include <memory>

#include "gateway/snapshot.h"

namespace gatehouse::filters {

// A listener that is not in `only` answers 404 no_route: the service does not exist there. Then deny wins
// over allow, both tested with the client's address (after trusted_proxies); with `allow` everybody else is
// denied. Where a route splits between services, the request must be let in by all of them: which one answers
// is decided later.
std::unique_ptr<gateway::FilterKind> access_filter();

}  // namespace gatehouse::filters
