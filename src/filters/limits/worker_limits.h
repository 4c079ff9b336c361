// What a worker keeps for limits: its clock. At LimitPolicy::place.
#pragma once

#include "filters/limits/gcra.h"
#include "filters/limits/limit_policy.h"
#include "gateway/worker.h"

namespace gatehouse::filters {

class WorkerLimits {
 public:
  static WorkerLimits& of(gateway::Worker& worker, const LimitPolicy& policy) {
    return worker.local<WorkerLimits>(policy.place, [] { return std::make_shared<WorkerLimits>(); });
  }
  SteadyTime& time() noexcept { return time_; }

 private:
  SteadyTime time_;
};

}  // namespace gatehouse::filters
