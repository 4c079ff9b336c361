// Signals as events of a loop.
#pragma once

#include <functional>

#include "net/epoll.h"

namespace gatehouse::control {

// Blocks the signals that the gateway handles (HUP, USR1, TERM, INT) in this thread and those it will start,
// and ignores SIGPIPE. Before the first thread.
void block_signals() noexcept;

// Thread: the poller's loop. `each` is called on the loop's stack with the number of each blocked signal that
// arrives.
class SignalWatch final : private net::EpollHandler {
 public:
  SignalWatch(net::EpollPoller& poller, std::function<void(int)> each);
  SignalWatch(const SignalWatch&) = delete;
  ~SignalWatch();

 private:
  void on_events(std::uint32_t events) noexcept override;

  net::EpollPoller& poller_;
  std::function<void(int)> each_;
  int fd_;
  net::EpollPoller::Ticket ticket_;
};

}  // namespace gatehouse::control
