// One connected socket. Internal to net/.
#pragma once

#include "net/epoll.h"
#include "net/stream.h"

namespace gatehouse::net {

class SocketStream final : public Stream, private EpollHandler {
 public:
  // Takes the descriptor (non-blocking). `connecting`: writable comes when the connection stands.
  SocketStream(Loop& loop, EpollPoller& poller, int fd, SocketAddress peer, bool connecting) noexcept;
  ~SocketStream() override;

  bool registered() const noexcept { return ticket_ != 0; }
  // For connect: resumes `waiter` when the socket is writable or has failed; then `take_error` tells.
  void wait_connected(std::coroutine_handle<> waiter) noexcept { connect_waiter_ = waiter; }
  int take_error() noexcept;  // SO_ERROR

  bool stale() const noexcept override { return readable_ || hung_up_; }
  bool peer_closed() const noexcept override { return hung_up_; }
  bool peer_gone() const noexcept override { return failed_; }
  void shutdown_send() noexcept override;
  void abort() noexcept override;
  bool probe_stale() noexcept override;
  void reset_on_close() noexcept override;
  const SocketAddress& peer() const noexcept override { return peer_; }

  bool start_recv(RecvOp& op) noexcept override;
  void cancel_recv() noexcept override { reader_ = nullptr; }
  bool start_send(SendOp& op) noexcept override;
  void cancel_send() noexcept override { writer_ = nullptr; }
  void watch_close(CloseOp& op) noexcept override { closer_ = &op; }
  void unwatch_close() noexcept override { closer_ = nullptr; }

 private:
  void on_events(std::uint32_t events) noexcept override;
  bool try_recv(RecvOp& op) noexcept;
  bool try_send(SendOp& op) noexcept;

  EpollPoller& poller_;
  EpollPoller::Ticket ticket_ = 0;
  int fd_;
  bool readable_ = false;  // a recv may yield something
  bool writable_ = true;
  bool hung_up_ = false;  // FIN or reset is known
  bool failed_ = false;   // reset is known, or a unix socket's peer has closed altogether
  bool fin_sent_ = false;
  RecvOp* reader_ = nullptr;
  SendOp* writer_ = nullptr;
  CloseOp* closer_ = nullptr;
  std::coroutine_handle<> connect_waiter_;
  SocketAddress peer_;
};

}  // namespace gatehouse::net
