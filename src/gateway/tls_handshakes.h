// TLS handshakes of one worker, from the accepted socket to the connection that is served.
//
// A client that has sent nothing yet costs a socket and a small frame. From its first bytes on it is one of a
// bounded number of handshakes under way; where there are too many, the one that has been at it longest gives
// way. They take turns: one computes per turn of the loop, so that a flood of them leaves the others their
// time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/list.h"
#include "gateway/h1_connection.h"
#include "gateway/tls_failures.h"
#include "gateway/worker.h"
#include "net/turn_queue.h"

namespace gatehouse::gateway {

class TlsHandshakes {
 public:
  TlsHandshakes(Worker& worker, TlsFailures::Tell tell);
  TlsHandshakes(const TlsHandshakes&) = delete;
  ~TlsHandshakes();

  // `listener` belongs to the worker's current snapshot.
  void begin(const CompiledListener& listener, ConnectionPermit permit, net::StreamPtr stream);
  void cancel_all() noexcept;
  std::size_t in_progress() const noexcept;  // counted one by one: for tests
  const net::TurnQueue& turns() const noexcept { return turns_; }
  bool close_some_waiting();  // when descriptors run short; false if there was none to close

 private:
  class Handshake;

  Worker& worker_;
  List<Handshake> waiting_;    // for a first byte; longest first
  List<Handshake> under_way_;  // longest first
  net::TurnQueue turns_;       // to compute
  TlsFailures failures_;
};

}  // namespace gatehouse::gateway
