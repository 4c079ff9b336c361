// `headers: {request: {set, add, remove}, response: {...}}` of services and routes.
#pragma once

#include <memory>

#include "gateway/snapshot.h"

namespace gatehouse::filters {

// The service's operations come first, then the route's; of one list `remove`, then `set`, then `add`. On
// requests `set` and `remove` take every spelling away that a service might fold to the name, so that no
// client can supply what the gateway sets. A chain gets a step only for the directions that are configured.
//
// Refused when compiled: names that are no token, that control framing or belong to one connection, and on
// requests those that the gateway sets itself; values that cannot be written.
std::unique_ptr<gateway::FilterKind> headers_filter();

}  // namespace gatehouse::filters
