// The background task `keys`, with what workers count about credentials among its metrics.
#pragma once

#include <memory>
#include <span>

#include "gateway/background.h"

namespace gatehouse::filters {

std::unique_ptr<gateway::BackgroundTask> auth_task(gateway::BackgroundContext context);
// What its measurements are of, by index.
std::span<const gateway::MetricFamily> auth_task_metrics();

}  // namespace gatehouse::filters
