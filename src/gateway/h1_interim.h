// Interim heads (1xx) on their way to the client: whole, one after another, and never into an answer.
#pragma once

#include "net/loop.h"
#include "net/stream.h"
#include "net/task.h"

namespace gatehouse::gateway {

// A head that has begun to leave is sent to its end by a task of its own, even where whoever asked for it is
// cancelled meanwhile: what follows on the stream must stand behind it. Lives as long as the exchange.
// Thread: its worker.
class H1Interims {
 public:
  explicit H1Interims(net::Stream& stream) noexcept : stream_(stream), sent_(stream.loop()) {}
  H1Interims(const H1Interims&) = delete;

  // Fails as the stream does; then nothing more can be sent on it. Does nothing once the answer has begun.
  net::Task<Result<void>> send(Slice head, Duration patience);
  // Before anything else is sent on the stream: is one under way, and if so, waits for its end.
  bool busy() const noexcept { return busy_; }
  net::Task<Result<void>> settled();
  // The answer begins: nothing may come between its parts, not even for a request body that is still read.
  void end() noexcept { ended_ = true; }

 private:
  net::Task<void> run(Slice head, Duration patience);

  net::Stream& stream_;
  net::Signal sent_;
  Result<void> result_;
  bool busy_ = false;
  bool ended_ = false;
  net::Task<void> sending_;  // last: it uses the others
};

}  // namespace gatehouse::gateway
