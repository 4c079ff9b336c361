// The network as a parameter: real sockets, or the simulation's.
#pragma once

#include <memory>

#include "base/error.h"
#include "net/address.h"
#include "net/stream.h"
#include "net/task.h"

namespace gatehouse::net {

// A bound and listening socket that no loop serves yet. Made on the control thread, handed to a worker.
class BoundSocket {
 public:
  virtual ~BoundSocket() = default;
  virtual const SocketAddress& address() const noexcept = 0;  // with the port that was chosen for port 0
};

// Accepts connections on one loop.
class Acceptor {
 public:
  virtual ~Acceptor() = default;  // closes the listening socket; nothing may be waiting
  // Waits until at least one connection may be there. One waiter.
  class Wait;
  [[nodiscard]] Wait wait() noexcept;
  // Takes one. nullptr without error: none there now. io_no_descriptors: the process is out of them.
  virtual Result<StreamPtr> try_accept() = 0;

  virtual bool start_wait(std::coroutine_handle<> waiter) noexcept = 0;  // true: no need to wait
  virtual void cancel_wait() noexcept = 0;
};

class Acceptor::Wait {
 public:
  explicit Wait(Acceptor& a) noexcept : acceptor_(a) {}
  Wait(const Wait&) = delete;
  ~Wait() {
    if (waiting_) acceptor_.cancel_wait();
  }
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> h) noexcept {
    waiting_ = !acceptor_.start_wait(h);
    return waiting_;
  }
  void await_resume() noexcept { waiting_ = false; }

 private:
  Acceptor& acceptor_;
  bool waiting_ = false;
};
inline Acceptor::Wait Acceptor::wait() noexcept { return Wait(*this); }

// One per loop. `bind` may be called on any thread.
class Network {
 public:
  virtual ~Network() = default;
  // io_refused, io_unreachable, io_timeout, io_no_descriptors. `to` is copied.
  virtual Task<Result<StreamPtr>> connect(SocketAddress to, Time deadline) = 0;
  virtual Result<std::unique_ptr<Acceptor>> accept_on(std::unique_ptr<BoundSocket> socket) = 0;
};

}  // namespace gatehouse::net
