// The services behind the gateway: they do what the plan of the request says that arrives, and write down
// what came.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/memory_network.h"
#include "net/nursery.h"
#include "net/tls_context.h"
#include "sim/ledger.h"
#include "sim/wire.h"

namespace gatehouse::sim {

class Services {
 public:
  Services(net::MemoryWorld& world, Ledger& ledger, std::uint64_t seed);
  Services(const Services&) = delete;

  // Begins to listen as an endpoint of `service`.
  void add(const std::string& service, IpAddress ip);
  void add(const std::string& service, const net::SocketAddress& address);
  std::size_t open() const noexcept { return connections_.running(); }
  std::size_t blocks() noexcept { return host_.loop.blocks().in_use(); }

 private:
  struct Endpoint {
    std::string service;
    std::size_t alpha = SIZE_MAX;  // which of kAlpha
    std::shared_ptr<const net::TlsServerContext> tls{};
    bool impostor = false;
    std::unique_ptr<net::Acceptor> acceptor;
    net::Task<void> accepting;
  };
  struct Arrived {  // one request under way
    Entry* entry = nullptr;
    std::uint64_t id = 0;
    std::size_t attempt = 0;
    std::string method;
    std::string set;     // what the gateway's `headers` made of x-sim-set
    bool whole = false;  // its body is read
  };
  net::Task<void> accept(Endpoint& endpoint);
  net::Task<void> serve(net::StreamPtr stream, Endpoint& endpoint);
  net::Task<net::StreamPtr> shake_hands(net::StreamPtr stream, Endpoint& endpoint);
  net::Task<net::StreamPtr> fail_handshake(net::StreamPtr stream, Endpoint& endpoint);
  net::Task<void> close_in_order(net::Stream& stream);
  net::Task<bool> exchange(net::Stream& stream, WireReader& in, const WireHead& head, Endpoint& endpoint);
  net::Task<bool> answer_check(net::Stream& stream, Endpoint& endpoint);
  net::Task<bool> read_body(WireReader& in, const WireHead& head, Arrived& a);
  net::Task<bool> act(net::Stream& stream, WireReader& in, Arrived& a, const std::string& service,
                      std::uint64_t seen);
  net::Task<bool> send_body(net::Stream& stream, const ServicePlan& plan, std::string body);
  bool arrive(const WireHead& head, const Endpoint& endpoint, Arrived& a);
  std::shared_ptr<const net::TlsServerContext> context(const std::string& identity) const;
  void check_head(const WireHead& head, const Arrived& a);
  void check_edits(const WireHead& head, const Arrived& a);
  std::string head_of(const Arrived& a, const ServicePlan& plan, const std::string& service,
                      std::uint64_t seen) const;
  Duration idle_patience();

  net::MemoryWorld& world_;
  Ledger& ledger_;
  Random random_;
  net::MemoryHost host_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  net::Nursery connections_;  // last: the tasks use the others
};

inline constexpr std::uint16_t kServicePort = 9000;

// Bytes of an answer's body differ between attempts.
constexpr std::uint64_t answer_id(std::uint64_t id, std::size_t attempt) noexcept {
  return id * 16 + attempt + 7777;
}

}  // namespace gatehouse::sim
