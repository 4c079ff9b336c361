// A worker on a thread of its own, with everything that belongs to the thread.
#pragma once

#include <cstdint>
#include <latch>
#include <thread>

#include "gateway/worker.h"

namespace gatehouse::control {

// Owner: the process. All that the worker has is made and destroyed on its own thread.
class WorkerThread {
 public:
  // Returns when the worker is there. `sink` and what `options` refer to outlive this object.
  WorkerThread(gateway::RecordSink& sink, gateway::Worker::Options options, std::uint64_t seed);
  WorkerThread(const WorkerThread&) = delete;
  ~WorkerThread();  // ends the loop, cancels what is under way, joins

  gateway::Worker& worker() noexcept { return *worker_; }

 private:
  gateway::Worker* worker_ = nullptr;
  std::latch told_to_stop_{1};  // `stop` has returned: it still wakes the loop after the loop has seen it
  std::thread thread_;
};

}  // namespace gatehouse::control
