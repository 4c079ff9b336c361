// Connections of the simulation's network, and the streams on them. Internal to net/.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "net/memory_network.h"
#include "net/stream.h"

namespace gatehouse::net {

class MemoryStream;

// What the kernels of both ends know. Lives as long as a stream, a backlog or bytes on the way need it.
class MemoryConnection : public std::enable_shared_from_this<MemoryConnection> {
 public:
  enum class Outcome : std::uint8_t { bytes, end, would_block, reset };
  struct Received {
    Outcome outcome;
    std::size_t size = 0;
  };

  MemoryConnection(MemoryWorld& world, SocketAddress client, SocketAddress server);

  void connect();  // from end 0, which has its stream
  void attach(int end, MemoryStream& stream) noexcept { ends_[at(end)].stream = &stream; }
  const SocketAddress& address(int end) const noexcept { return ends_[at(end)].address; }

  Received receive(int end, char* out, std::size_t size);
  bool send(int end, SliceList& data);  // takes what fits; false if the connection was reset
  void finish(int end);                 // our FIN
  void stop_reading(int end) noexcept;  // what arrives from now on is an error to the other end
  void close(int end, bool reset);      // the stream is gone
  void refuse(int end);                 // the end was never accepted

  bool failed(int end) const noexcept { return ends_[at(end)].reset; }
  bool refused() const noexcept { return refused_; }
  bool readable(int end) const noexcept;
  bool fin_arrived(int end) const noexcept { return ends_[at(end)].fin_arrived; }
  bool fin_sent(int end) const noexcept { return ends_[at(end)].fin_sent; }

 private:
  struct Segment {
    Time when;
    std::string bytes;
    bool fin;
  };
  struct End {
    SocketAddress address;
    MemoryStream* stream = nullptr;  // none before it is accepted and after it was closed
    std::deque<Segment> on_the_way;  // to this end
    std::string arrived;
    std::size_t capacity = 0;  // of the direction to this end
    std::size_t held = 0;      // bytes on the way and arrived
    Time last_arrival{};
    bool fin_arrived = false;
    bool fin_sent = false;
    bool reset = false;       // and knows it
    bool closed = false;      // no process has it any more
    bool deaf = false;        // will not read any more
    bool wants_room = false;  // its last send was short
  };
  static std::size_t at(int end) noexcept { return static_cast<std::size_t>(end); }

  void syn_arrives();
  void draw_break();
  void break_now();
  void count_bytes(std::size_t n);
  void queue(int to, std::string bytes, bool fin);
  void arrive(int to);
  void send_reset(int to);
  void reset_arrives(int to);
  void announce_later(int end, std::uint32_t what);
  void announce(int end, std::uint32_t what) noexcept;

  MemoryWorld& world_;
  std::array<End, 2> ends_;  // client, server
  bool stands_ = false;      // the server's end exists
  bool refused_ = false;
  std::size_t bytes_ = 0;
  std::size_t break_at_bytes_ = SIZE_MAX;
};

class MemoryStream final : public Stream, public MemoryHandler {
 public:
  // What a poller can tell, as the EPOLL* bits of the real one.
  enum : std::uint32_t { kIn = 1, kOut = 2, kEnd = 4, kError = 8 };

  MemoryStream(MemoryWorld& world, Loop& loop, MemoryPoller& poller,
               std::shared_ptr<MemoryConnection> connection, int end, bool connecting);
  ~MemoryStream() override;

  void wait_connected(std::coroutine_handle<> waiter) noexcept { connect_waiter_ = waiter; }
  void tell(std::uint32_t what) noexcept {
    told_ |= what;
    poller_.announce(*this);
  }

  bool stale() const noexcept override { return readable_ || hung_up_; }
  bool peer_closed() const noexcept override { return hung_up_; }
  bool peer_gone() const noexcept override { return failed_; }
  bool probe_stale() noexcept override;
  void shutdown_send() noexcept override { connection_->finish(end_); }
  void abort() noexcept override;
  void reset_on_close() noexcept override { reset_on_close_ = true; }
  const SocketAddress& peer() const noexcept override { return connection_->address(1 - end_); }

  bool start_recv(RecvOp& op) noexcept override;
  void cancel_recv() noexcept override { reader_ = nullptr; }
  bool start_send(SendOp& op) noexcept override;
  void cancel_send() noexcept override { writer_ = nullptr; }
  void watch_close(CloseOp& op) noexcept override { closer_ = &op; }
  void unwatch_close() noexcept override { closer_ = nullptr; }

 private:
  void on_events() noexcept override;
  bool serve_writer() noexcept;  // false: the stream is gone
  bool serve_reader() noexcept;
  bool serve_closer() noexcept;
  bool try_recv(RecvOp& op) noexcept;
  bool try_send(SendOp& op) noexcept;
  std::size_t read_size(std::size_t capacity) noexcept;

  MemoryWorld& world_;
  MemoryPoller& poller_;
  std::shared_ptr<MemoryConnection> connection_;
  int end_;
  std::uint32_t told_ = 0;
  bool readable_ = false;
  bool writable_;
  bool hung_up_ = false;
  bool failed_ = false;
  bool reset_on_close_ = false;
  bool* gone_ = nullptr;  // set while events are handled: tells the handler that the stream was destroyed
  RecvOp* reader_ = nullptr;
  SendOp* writer_ = nullptr;
  CloseOp* closer_ = nullptr;
  std::coroutine_handle<> connect_waiter_;
};

// A listening socket of the simulation: in a BoundSocket first, then in an acceptor.
class MemoryListener {
 public:
  MemoryListener(MemoryWorld& world, SocketAddress address);
  MemoryListener(const MemoryListener&) = delete;
  MemoryListener& operator=(const MemoryListener&) = delete;
  ~MemoryListener();  // refuses who was not accepted

  const SocketAddress& address() const noexcept { return address_; }
  void push(std::shared_ptr<MemoryConnection> connection);
  std::shared_ptr<MemoryConnection> pop();
  bool empty() const noexcept { return backlog_.empty(); }
  bool listens_for(const SocketAddress& to) const noexcept;
  void serve(MemoryPoller& poller, MemoryHandler& acceptor) noexcept;

 private:
  MemoryWorld& world_;
  SocketAddress address_;
  std::deque<std::shared_ptr<MemoryConnection>> backlog_;
  MemoryPoller* poller_ = nullptr;
  MemoryHandler* acceptor_ = nullptr;
};

class MemoryBound final : public BoundSocket {
 public:
  explicit MemoryBound(std::unique_ptr<MemoryListener> l) noexcept
      : listener_(std::move(l)), address_(listener_->address()) {}
  const SocketAddress& address() const noexcept override { return address_; }
  std::unique_ptr<MemoryListener> release() noexcept { return std::move(listener_); }

 private:
  std::unique_ptr<MemoryListener> listener_;
  SocketAddress address_;
};

}  // namespace gatehouse::net
