// The limits on what is under way at once: kept, and never without need. Looked at when everything is over,
// in spans of time: what was under way for certain, and what may have been.
#pragma once

#include <cstdint>

#include "sim/ledger.h"

namespace gatehouse::sim {

// max_in_flight of `gamma` and per_address of the listener: never were there more, for certain.
void check_crowds(Ledger& ledger);
// While request `id` was under way there may have been as many others at `gamma` as max_in_flight allows.
bool was_saturated(const Ledger& ledger, std::uint64_t id);
// A connection that was closed without a word, while there may have been per_address others of its client.
bool crowded_out(const Ledger& ledger, std::size_t connection);

}  // namespace gatehouse::sim
