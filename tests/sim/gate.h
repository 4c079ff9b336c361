// The gateway as the simulation runs it: the real workers, publisher and endpoint directory, each on a loop
// of one world, with a name server that answers from a table.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/health_checks.h"
#include "control/publisher.h"
#include "gateway/worker.h"
#include "net/fake_resolver.h"
#include "net/memory_network.h"
#include "sim/filters.h"
#include "sim/ledger.h"
#include "sim/planted.h"

namespace gatehouse::sim {

struct Met;

inline const net::SocketAddress kGateway = net::SocketAddress::of(IpAddress::v4(0x0a000001), 8080);

class Gate {
 public:
  Gate(net::MemoryWorld& world, Ledger& ledger, Planted& planted);
  Gate(const Gate&) = delete;
  ~Gate();

  // Publishes the next generation; the ledger knows it once every worker has acknowledged. Reloads run one at
  // a time.
  net::Task<void> reload();
  net::Loop& loop() noexcept { return control_.loop; }
  void begin_drain();
  bool drained() const noexcept { return drained_ == workers_.size(); }

  // Everything that must be as it was before the first request. Called when nothing is under way any more.
  void check_at_rest();
  void count(Met& met) const noexcept;
  // No worker holds more old snapshots than it has exchanges. At any time.
  void check_pins();
  void check_health();
  void end_checks();
  void close_pools();
  // Blocks that are still held; after the pools were closed.
  void check_blocks();

 private:
  struct Checks {
    explicit Checks(net::MemoryHost& host, control::EndpointDirectory& directory)
        : client(host.loop, host.network), health(client, directory) {}
    upstream::Client client;
    control::HealthChecks health;
  };
  void begin_checks();
  struct Sink final : gateway::RecordSink {
    explicit Sink(Ledger& l) : ledger(l) {}
    void record(const gateway::RequestRecord& r) noexcept override;
    Ledger& ledger;
  };
  struct WorkerHost {
    WorkerHost(net::MemoryWorld& world, Ledger& ledger, Planted& planted, gateway::Worker::Options options);
    net::MemoryHost host;
    Sink sink;
    std::unique_ptr<net::Network> network;  // the host's, or a faulty one around it
    std::unique_ptr<gateway::Worker> worker;
  };
  struct Binder final : control::SocketBinder {
    explicit Binder(net::MemoryWorld& w) : world(w) {}
    Result<std::unique_ptr<net::BoundSocket>> bind(const net::SocketAddress& a) override {
      return world.bind(a);
    }
    Result<void> probe(const net::SocketAddress&) override { return {}; }
    net::MemoryWorld& world;
  };

  net::MemoryWorld& world_;
  Ledger& ledger_;
  Planted& planted_;
  net::MemoryHost control_;
  net::FakeResolver resolver_;
  control::EndpointDirectory directory_;
  Binder binder_;
  control::InlineOffload offload_;
  gateway::StateRegistry registry_;
  std::vector<std::unique_ptr<gateway::FilterKind>> filters_;
  control::Publisher publisher_;
  std::vector<std::unique_ptr<WorkerHost>> workers_;
  std::vector<std::weak_ptr<const gateway::Snapshot>> published_;
  std::vector<std::weak_ptr<const net::TlsServerContext>> contexts_;  // likewise
  std::unique_ptr<Checks> checks_;
  unsigned drained_ = 0;
  bool reloading_ = false;
};

// The configuration of a generation; parsed once a process.
std::shared_ptr<const config::Spec> spec_of(const Plan& plan, std::uint64_t generation,
                                            const Planted& planted);

}  // namespace gatehouse::sim
