#include "control/worker_sink.h"

namespace gatehouse::control {

void WorkerSink::record(const gateway::RequestRecord& r) noexcept {
  cells_.count(r);
  const LogPlan& plan = log_.plan();
  if (!plan.wants(r, random_)) return;
  if (char* line = channel_.begin(line_bound(r))) channel_.commit(write_line(r, plan.layout, second_, line));
}

}  // namespace gatehouse::control
