// The counts of workers as metrics.
#pragma once

#include <span>
#include <vector>

#include "filters/auth/shared_auth_counts.h"
#include "gateway/background.h"

namespace gatehouse::filters {

std::span<const gateway::MetricFamily> auth_metric_families() noexcept;
// Of all workers together. `first`: where the families above begin among those of their kind.
void measure(const SharedAuthCounts& counts, std::size_t first, std::vector<gateway::Measurement>& into);

}  // namespace gatehouse::filters
