// `cors` of services and routes: which pages of other origins may read the answers.
#pragma once

#include <memory>

#include "gateway/snapshot.h"

namespace gatehouse::filters {

// A preflight that the route of the announced request can answer is answered here, and passes no later step:
// it brings no credentials. An origin that is not listed gets 403 `origin_denied`. Requests themselves are
// never refused: an answer without these headers is one that the page cannot read.
//
// Every answer of the route says whose pages may read it, those that the gateway gives itself too: a page is
// to learn of a 401, 429 or 503. The exception is a 404 `no_route`, which is given where the route is not to
// be seen (`only`). Whatever else an answer says of CORS is removed.
//
// Where a route splits between services, their `cors` have to be the same, or the route has one of its own.
std::unique_ptr<gateway::FilterKind> cors_filter();

}  // namespace gatehouse::filters
