// A client of the gateway: plays one connection of the plan and judges what it gets.
#pragma once

#include <string>

#include "net/memory_network.h"
#include "net/task.h"
#include "sim/ledger.h"
#include "sim/tls_client.h"
#include "sim/wire.h"

namespace gatehouse::sim {

class Client {
 public:
  Client(net::MemoryHost& host, const net::SocketAddress& gateway, Ledger& ledger, TlsClients& tls,
         const ConnectionPlan& plan);
  Client(const Client&) = delete;

  void start() { playing_ = play(); }
  bool done() const noexcept { return left_ || playing_.done(); }
  // Goes away wherever it is. Not from its own stack.
  void leave(bool reset);
  std::string where() const;  // what it waits for, for a failing run

 private:
  net::Task<void> play();
  net::Task<bool> converse(net::Stream& stream);
  net::Task<void> finish(net::Stream& stream);
  net::Task<bool> write_all(net::Stream& stream);
  net::Task<bool> write(net::Stream& stream, const RequestPlan& r, std::string head, std::string body);
  net::Task<bool> send(net::Stream& stream, const RequestPlan& r, std::string text, std::size_t limit);
  net::Task<bool> may_send_body(const RequestPlan& r);
  net::Task<bool> read_all();
  net::Task<void> talk(const RequestPlan& r);
  net::Task<bool> read_answer(const RequestPlan& r);
  net::Task<bool> answer_ended(const RequestPlan& r, const WireHead& head, const std::string& body,
                               const WireHead& trailers, bool whole);
  net::Task<void> await_stall(const RequestPlan& r);
  net::Task<bool> progress();
  void excuse_rest(std::string_view why);
  void connection_lost(const RequestPlan& r);

  net::MemoryHost& host_;
  net::SocketAddress gateway_;
  Ledger& ledger_;
  TlsClients& tls_;
  const ConnectionPlan& plan_;
  net::Signal changed_;
  WireReader* in_ = nullptr;       // while connected
  net::Stream* stream_ = nullptr;  // likewise
  bool left_ = false;
  std::size_t answered_ = 0;          // requests of the plan whose answers have ended
  std::size_t continued_ = SIZE_MAX;  // the request for which 100 Continue came last
  bool heard_ = false;                // a head came for the current one
  bool last_ = false;                 // the gateway said `Connection: close`
  bool gone_ = false;                 // we closed in the middle, as planned
  bool reset_ = false;
  net::Task<void> playing_;  // last: it uses the others
};

}  // namespace gatehouse::sim
