// The background task `limits`: puts changed limits into force, counts, shows and resets what keys owe.
#pragma once

#include <memory>
#include <span>

#include "gateway/background.h"

namespace gatehouse::filters {

std::unique_ptr<gateway::BackgroundTask> limits_task(gateway::BackgroundContext context);
// What its measurements are of, by index.
std::span<const gateway::MetricFamily> limit_metrics() noexcept;

}  // namespace gatehouse::filters
