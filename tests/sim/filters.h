// Filters of the simulation only: they answer `later` on request and response, supply a late attribute,
// refuse, and say which generation of the configuration served a request.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "gateway/snapshot.h"
#include "sim/plan.h"

namespace gatehouse::sim {

// What a request asks of them, by its headers:
//   x-sim-later: 20,5   ms before the target, ms before the answer
//   x-sim-deny: 1       403, through the refusal steps
//   x-sim-role: admin   claim.role, once identity is asked for; always `later`
std::vector<std::unique_ptr<gateway::FilterKind>> test_filters(const FilterPlan& plan);

// The generation that a Spec was made as: it stands in `state`, which nothing else in the simulation uses.
std::string_view generation_of(const config::Spec& spec) noexcept;

}  // namespace gatehouse::sim
