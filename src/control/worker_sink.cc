#include "control/worker_sink.h"

namespace gatehouse::control {

void WorkerSink::record(const gateway::RequestRecord& r) noexcept {
  cells_.count(r);
  const LogPlan& plan = log_.plan();
  if (!plan.wants(r, random_)) return;
  char* line = channel_.begin(line_bound(r));
  if (line == nullptr) return;
  channel_.commit(write_line(r, plan.layout, second_, line));
  log_.nudge();
}

}  // namespace gatehouse::control
