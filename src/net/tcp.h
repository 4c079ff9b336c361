// Real sockets on epoll: TCP and unix.
#pragma once

#include <memory>

#include "net/epoll.h"
#include "net/network.h"

namespace gatehouse::net {

struct ListenOptions {
  int backlog = 4096;
  bool reuse_port = true;  // every worker binds a socket of its own; the kernel spreads connections
};
// Any thread. Errors: io_failed with the reason in `detail` (address in use, permission, ...).
Result<std::unique_ptr<BoundSocket>> bind_socket(const SocketAddress& address, const ListenOptions& options);

class SocketNetwork final : public Network {
 public:
  SocketNetwork(Loop& loop, EpollPoller& poller) noexcept : loop_(loop), poller_(poller) {}
  Task<Result<StreamPtr>> connect(SocketAddress to, Time deadline) override;
  Result<std::unique_ptr<Acceptor>> accept_on(std::unique_ptr<BoundSocket> socket) override;

 private:
  Loop& loop_;
  EpollPoller& poller_;
};

// The system's clocks.
class SystemClock final : public Clock {
 public:
  Time now() const noexcept override;
  WallTime wall() const noexcept override;
};

}  // namespace gatehouse::net
