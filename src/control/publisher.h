// From a checked configuration to what every worker serves by: compile, bind, resolve, swap (configuration
// rule 11).
//
// Owner: control. Thread: its loop, except where a function says otherwise. It knows neither files nor
// signals nor threads, so the simulation runs it as it is.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/spec.h"
#include "control/endpoint_directory.h"
#include "control/offload.h"
#include "gateway/snapshot.h"
#include "gateway/worker.h"
#include "net/network.h"

namespace gatehouse::control {

// Where listening sockets come from: the system, or the simulation.
class SocketBinder {
 public:
  virtual ~SocketBinder() = default;
  virtual Result<std::unique_ptr<net::BoundSocket>> bind(const net::SocketAddress& address) = 0;
  // Fails if anybody has the port. Sockets that share a port (SO_REUSEPORT) would hide a second gateway on
  // it, which then quietly took half of the connections.
  virtual Result<void> probe(const net::SocketAddress& address) = 0;
};

class SystemBinder final : public SocketBinder {
 public:
  Result<std::unique_ptr<net::BoundSocket>> bind(const net::SocketAddress& address) override;
  Result<void> probe(const net::SocketAddress& address) override;
};

// Compiled and bound, not in force yet.
struct Prepared {
  std::shared_ptr<const gateway::Snapshot> snapshot;
  std::vector<std::vector<gateway::NewSocket>> sockets;  // by worker
  std::map<std::string, net::SocketAddress> bound;       // by listener: those that are new
};

class Publisher {
 public:
  struct Parts {
    net::Loop& loop;
    SocketBinder& binder;
    Offload& offload;
    gateway::StateRegistry& registry;  // touched by jobs of `offload` alone
    gateway::Snapshot::FilterKinds filters;
    EndpointDirectory& endpoints;
    unsigned workers = 1;
    std::uint64_t auto_connections = 0;  // as in Snapshot::compile
    // Of background tasks: reads what they kept, while nothing changes yet; then the snapshot is about to be
    // in force.
    std::function<net::Task<void>(std::shared_ptr<const gateway::Snapshot>)> recall{};
    std::function<void(const std::shared_ptr<const gateway::Snapshot>&)> on_commit{};
  };
  explicit Publisher(const Parts& parts);
  Publisher(const Publisher&) = delete;
  ~Publisher();

  // Compiles off this thread and binds what is new. All that is wrong, if anything is; then nothing has
  // changed.
  net::Task<std::expected<Prepared, config::Diagnostics>> prepare(std::shared_ptr<const config::Spec> spec);
  // Waits for the first answers of new names (at most 1 s), puts `prepared` in force on all workers and waits
  // until each has said so. Cannot fail.
  net::Task<void> commit(Prepared prepared);

  // The workers, as many as Parts said, before the first commit. They outlive the last one.
  void set_workers(std::vector<gateway::Worker*> workers) { workers_ = std::move(workers); }
  // To be given to each worker as its Options: the functions may be called on any thread.
  std::function<void(unsigned, std::uint64_t)> on_installed();
  std::function<void(std::shared_ptr<const gateway::Snapshot>)> on_retired();

  const std::shared_ptr<const gateway::Snapshot>& snapshot() const noexcept {
    return current_;
  }  // null at first
  // Where a listener accepts; with the port that was chosen for port 0. nullptr if there is none.
  const net::SocketAddress* address_of(const std::string& listener) const noexcept;
  // Labels by series index, as of the last configuration that compiled. The registry itself may be in a job's
  // hands.
  const std::vector<gateway::SeriesLabels>& series() const noexcept { return series_; }

 private:
  struct Listening {
    std::string bind;
    std::uint16_t port = 0;
    net::SocketAddress address;
  };
  struct Mailbox;
  bool bind(const config::ListenerSpec& listener, Prepared& prepared, config::Diagnostics& diagnostics);
  bool have(const net::SocketAddress& address) const noexcept;
  void installed(unsigned worker, std::uint64_t version);
  bool all_installed(std::uint64_t version) const noexcept;

  Parts parts_;
  std::vector<gateway::Worker*> workers_;
  std::vector<std::uint64_t> installed_;  // by worker
  net::Signal acknowledged_;
  std::map<std::string, Listening> listening_;
  std::shared_ptr<const gateway::Snapshot> current_;
  std::vector<gateway::SeriesLabels> series_;
  std::size_t committed_series_ = 0;  // of series_: those of configurations that came into force
  std::shared_ptr<Publisher*>
      self_;  // cleared when destroyed: mail of workers that is still under way finds nobody
};

}  // namespace gatehouse::control
