// `limits`: how many requests are let through (configuration rule 8).
#pragma once

#include <memory>

#include "gateway/snapshot.h"

namespace gatehouse::filters {

// All limits that match a request are tested together and charged together; what one refuses charges none.
// Refused: 429 with Retry-After, or the limit's own `reply`. Admitted and refused answers tell what is left.
// A refusal of the gateway's own (401, 403, 404, 405) that came before the limits were asked is charged by
// address to those that apply without a route, and answered with 429 beyond them.
// What a later step or the service refuses is not given back; retries are not charged; a preflight that the
// gateway answers is not either, nor a listener that redirects everything.
std::unique_ptr<gateway::FilterKind> limits_filter();
// Its other half: what a response tells of its cost, as the service has sent it. Stands behind all that
// change headers.
std::unique_ptr<gateway::FilterKind> limit_costs_filter();

}  // namespace gatehouse::filters
