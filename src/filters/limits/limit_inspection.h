// Which limits a request meets, for `explain`: nothing is charged.
#pragma once

#include <memory>

#include "filters/limits/limit_policy.h"
#include "gateway/limit_findings.h"

namespace gatehouse::filters {

// Of the snapshot that `policy` and `conditions` belong to; they outlive it.
std::shared_ptr<gateway::LimitInspector> limit_inspector(std::shared_ptr<const LimitPolicy> policy,
                                                         const gateway::ConditionTable& conditions);

}  // namespace gatehouse::filters
