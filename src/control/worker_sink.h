// Where a worker's finished requests go: counted, and written to the access log.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "control/access_log.h"
#include "control/shared_metric_cells.h"
#include "gateway/record.h"

namespace gatehouse::control {

// One per worker; `record` on the worker's thread, cells() from any as they say. No system call, lock or
// allocation, but to wake a writer that dozes (AccessLog::nudge).
class WorkerSink final : public gateway::RecordSink {
 public:
  // `seed`: of the sample. The log outlives the sink.
  WorkerSink(AccessLog& log, unsigned worker, std::uint64_t seed) noexcept
      : log_(log), channel_(log.channel(worker)), random_(seed) {}

  void record(const gateway::RequestRecord& r) noexcept override;

  MetricCells& cells() noexcept { return cells_; }
  const MetricCells& cells() const noexcept { return cells_; }

 private:
  AccessLog& log_;
  LogChannel& channel_;
  Random random_;
  SecondText second_;
  MetricCells cells_;
};

}  // namespace gatehouse::control
