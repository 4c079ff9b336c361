#include "gateway/h1_interim.h"

namespace gatehouse::gateway {

net::Task<void> H1Interims::run(Slice head, Duration patience) {
  result_ = co_await stream_.send(std::move(head), patience);
  busy_ = false;
  sent_.notify();
}

net::Task<Result<void>> H1Interims::settled() {
  while (busy_) co_await sent_.wait();
  co_return result_;
}

net::Task<Result<void>> H1Interims::send(Slice head, Duration patience) {
  if (auto before = co_await settled(); !before || ended_) co_return before;
  busy_ = true;
  sending_ = run(std::move(head), patience);
  co_return co_await settled();
}

}  // namespace gatehouse::gateway
