// One client connection that speaks HTTP/1: a coroutine from accept to close, an exchange at a time.
//
// Idle, it is this object, a small frame and a socket: no block, no head, no arena, no snapshot.
#pragma once

#include <memory>
#include <string>

#include "gateway/shared_listener.h"
#include "gateway/worker.h"
#include "http/h1_reader.h"
#include "net/stream.h"
#include "net/task.h"

namespace gatehouse::gateway {

class Exchange;
class Tunnel;

// A connection's share in the limits of its listener. Empty if there was none left.
class ConnectionPermit {
 public:
  // `exempt`: a trusted proxy is not counted by address.
  ConnectionPermit(std::shared_ptr<SharedListener> shared, const config::ListenerSpec& spec,
                   const IpAddress& ip, bool exempt)
      : address_(ip), by_address_(spec.per_address > 0 && !exempt) {
    if (!shared->open(spec.max_connections)) return;
    if (by_address_ && !shared->open_address(ip, spec.per_address)) {
      shared->close();
      return;
    }
    shared_ = std::move(shared);
  }
  ConnectionPermit(ConnectionPermit&&) noexcept = default;
  ConnectionPermit& operator=(ConnectionPermit&&) = delete;
  ~ConnectionPermit() {
    if (!shared_) return;
    shared_->close();
    if (by_address_) shared_->close_address(address_);
  }
  explicit operator bool() const noexcept { return shared_ != nullptr; }

 private:
  std::shared_ptr<SharedListener> shared_;
  IpAddress address_;
  bool by_address_;
};

// Owned by its worker, which destroys it at the end of a turn. Thread: its worker.
class H1Connection final : public net::Doomed {
 public:
  H1Connection(Worker& worker, std::string_view listener, ConnectionPermit permit, net::StreamPtr stream);
  ~H1Connection() override;

  void start();            // begins to serve; may end at once
  void cancel() noexcept;  // ends it now, because the gateway wants it so; not from its own stack
  // Whether it may be closed to make room: it has had an answer, or a second for its first byte, and sends
  // nothing.
  bool expendable(Time now) const noexcept { return (served_ || now - opened_ >= 1s) && !stream_->stale(); }
  void finish_soon() noexcept { last_ = true; }  // takes no further request

 private:
  friend class H1Responder;
  net::Task<void> run();
  enum class Then : std::uint8_t {
    next,    // the connection may carry another exchange
    close,   // nothing is left to be said or heard
    linger,  // the client may still be sending: let it read the answer first
    tunnel,  // it speaks another protocol from now on
  };
  class Underway;
  net::Task<Then> exchange();
  void note_shutdown() noexcept;
  net::Task<Result<void>> read_head(http::H1RequestReader& reader, http::RequestHead& head, Time deadline);
  net::Task<void> refuse_request(Exchange& x, Error error);
  net::Task<void> linger();
  net::Task<void> relay();

  Worker& worker_;
  std::string listener_;
  ConnectionPermit permit_;
  net::StreamPtr stream_;
  Slice input_;  // received and not yet read: the next request, or a part of it
  Time opened_;
  bool served_ = false;             // an exchange has ended
  bool last_ = false;               // no further request is taken
  Exchange* exchange_ = nullptr;    // the one under way
  std::unique_ptr<Tunnel> tunnel_;  // what came of the last one
  net::Task<void> running_;         // last: it uses the others
};

}  // namespace gatehouse::gateway
