#include "control/worker_thread.h"

#include <gtest/gtest.h>

namespace gatehouse::control {
namespace {

struct NullSink final : gateway::RecordSink {
  void record(const gateway::RequestRecord&) noexcept override {}
};

// A loop that sees `stop` may be gone before whoever called it has woken the poller: found under
// ThreadSanitizer.
TEST(WorkerThread, EndsWhileItIsBeingWoken) {
  NullSink sink;
  for (int i = 0; i < 50; ++i) {
    WorkerThread t(sink, {}, 1);
    t.worker().loop().post([] {});
  }
}

}  // namespace
}  // namespace gatehouse::control
