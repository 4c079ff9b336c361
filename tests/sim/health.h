// Active checks of `alpha`: what they have said, and what follows from it. Looked at when everything is over.
#pragma once

#include "sim/ledger.h"

namespace gatehouse::sim {

// The checks have said that an endpoint of kAlpha is up, or down.
void note_health(Ledger& ledger, std::size_t endpoint, bool up);
// Its checks have ended: it counts as up.
void forget_health(Ledger& ledger, std::size_t endpoint);
// Does an endpoint of kAlpha fail its checks now? Null: no.
const HealthPlan::Spell* failing(const Ledger& ledger, std::size_t endpoint) noexcept;
// When all checks have seen the last of it.
Time health_settled(const Ledger& ledger) noexcept;

// No request went to an endpoint that was out all the time while another was not; where nothing else is in
// the way, an endpoint goes out and comes back as its checks promise.
void check_outages(Ledger& ledger);

}  // namespace gatehouse::sim
