// The handshakes of the simulation's clients with the gateway, honest or not; and what is asked of the
// gateway in them.
#pragma once

#include <array>
#include <map>
#include <memory>

#include "net/stream.h"
#include "net/task.h"
#include "net/tls_stream.h"
#include "sim/ledger.h"

struct x509_store_ctx_st;

namespace gatehouse::sim {

// What all clients of a run share: trust, and the sessions that they go on with.
class TlsClients {
 public:
  explicit TlsClients(Ledger& ledger);
  TlsClients(const TlsClients&) = delete;

  // A stream that speaks TLS, on `plain`. Null: nothing came of it; whether that is in order stands in the
  // ledger, or is asked by check_handshakes.
  net::Task<net::StreamPtr> shake_hands(net::StreamPtr plain, std::size_t connection);

 private:
  net::Task<net::StreamPtr> honestly(net::StreamPtr plain, std::size_t connection);
  net::Task<void> badly(net::StreamPtr plain, std::size_t connection);
  void failed(std::size_t connection, const Error& error, Time began);
  void established(net::TlsStream& stream, std::size_t connection, bool resumable);
  static int verify(x509_store_ctx_st* store, void* self);

  Ledger& ledger_;
  std::array<std::shared_ptr<const net::TlsClientContext>, 2> contexts_;            // up to 1.3, and 1.2
  std::map<std::pair<bool, bool>, std::shared_ptr<net::TlsSessionSlot>> sessions_;  // by version, and name
  std::map<const net::TlsStream*, long> shown_;  // serial numbers of certificates
};

// Whose handshake failed had a reason to. Called when everything is over.
void check_handshakes(Ledger& ledger);

}  // namespace gatehouse::sim
