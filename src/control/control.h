// What is not a request: publication, reloads, names, health checks, readiness, drain, and the admin API over
// it all.
//
// Owner: the process, or the simulation, which runs it on its own loops and network. Thread: its loop.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "control/access_log.h"
#include "control/background_tasks.h"
#include "control/certificate_expiry.h"
#include "control/configuration.h"
#include "control/diagnostic_log.h"
#include "control/endpoint_directory.h"
#include "control/health_checks.h"
#include "control/metrics.h"
#include "control/publisher.h"
#include "net/nursery.h"

namespace gatehouse::control {

// Load of one endpoint, as one worker sees it, or summed.
struct EndpointLoad {
  std::uint64_t in_flight = 0;
  std::uint64_t idle = 0;  // pooled connections
};
using EndpointLoads = std::map<const upstream::Endpoint*, EndpointLoad>;

struct Readiness {
  bool ready = false;
  std::string_view reason;  // why not
};

class Control {
 public:
  struct Parts {
    net::Loop& loop;
    net::Network& network;
    net::Resolver& resolver;
    SocketBinder& binder;
    Offload& offload;
    DiagnosticLog& log;
    gateway::Snapshot::FilterKinds filters;
    config::Environment environment;
    std::string path;  // of the configuration's main file
    unsigned workers = 1;
    std::uint64_t auto_connections = 0;  // of a listener whose `max_connections` is `auto`; 0 = no limit
    std::string random_token{};          // of the admin API, where the configuration has none
    AccessLog* access_log = nullptr;     // may be null
    std::vector<MetricCells*> cells{};   // by worker; empty: nothing is counted
    net::TlsKeyLog key_log{};            // null: keys are not logged
    KnownAddresses known_addresses{};    // of names, before this start
    // Keeps them for the next one; a job of `offload`, which may block. Null: nothing is kept.
    std::function<std::expected<void, std::string>(const std::string& text)> keep_addresses{};
    // Hands to the system what the process has freed; a job of `offload`. Null: it keeps that.
    std::function<void()> give_back_memory{};
    KeptFiles kept_files{};                 // of background tasks
    std::array<std::uint8_t, 32> secret{};  // ProcessFacts::secret
  };
  Control(const Parts& parts, Source first);
  Control(const Control&) = delete;
  ~Control();

  // Compiles and binds, the admin API's socket too: all that can refuse a start.
  net::Task<std::expected<void, config::Diagnostics>> prepare();
  // What each worker is to be made with.
  gateway::Worker::Options worker_options(unsigned index);
  // Puts the first configuration in force. `workers` outlive this object, or forget_workers is called before.
  net::Task<void> start(std::vector<gateway::Worker*> workers);
  void forget_workers() noexcept { workers_.clear(); }

  // `/readyz` says no for ready_grace; then no more connections, and what is in flight has `drain`.
  net::Task<void> drain();
  bool draining() const noexcept { return draining_; }

  Readiness readiness() const noexcept;
  Configuration& configuration() noexcept { return configuration_; }
  Publisher& publisher() noexcept { return publisher_; }
  EndpointDirectory& endpoints() noexcept { return endpoints_; }
  const HealthChecks& health() const noexcept { return health_; }
  gateway::BackgroundTask* task(std::string_view name) const noexcept { return tasks_.find(name); }
  DiagnosticLog& log() noexcept { return parts_.log; }
  net::Loop& loop() noexcept { return parts_.loop; }
  const std::string& random_token() const noexcept { return parts_.random_token; }
  const net::SocketAddress& admin_address() const noexcept { return admin_address_; }

  std::string metrics(MetricsFormat format);
  // Asks all workers; what has not answered within a second is left out.
  net::Task<EndpointLoads> loads();

 private:
  net::Task<bool> finish_tasks();
  struct NullSink final : gateway::RecordSink {
    void record(const gateway::RequestRecord&) noexcept override {}
  };
  net::Task<void> keep_addresses();
  net::Task<void> keep_configuration();
  net::Task<void> watch_certificates();
  net::Task<void> watch_memory();
  void note(const gateway::FailedHandshakes& failed);
  bool bind_admin(config::Diagnostics& diagnostics);
  void publish_admin();
  config::Diagnostics before_commit(const config::Spec& spec);

  Parts parts_;
  std::shared_ptr<net::TlsKeyLog> key_log_;
  gateway::StateRegistry registry_;  // touched by jobs of parts_.offload alone
  EndpointDirectory endpoints_;
  BackgroundTasks tasks_;  // after what a snapshot's commit needs of it; what uses it stands below
  Publisher publisher_;
  Configuration configuration_;
  upstream::Client client_;
  HealthChecks health_;
  NullSink admin_sink_;
  gateway::Worker admin_;
  config::ListenerSpec admin_listener_;
  net::SocketAddress admin_address_;
  std::unique_ptr<net::BoundSocket> admin_socket_;
  std::vector<gateway::Worker*> workers_;
  Time started_ = kNever;
  WallTime started_at_{};
  bool draining_ = false;
  unsigned drained_ = 0;
  net::Signal worker_drained_;
  net::Signal published_;
  net::Task<void> keeping_addresses_;
  net::Task<void> keeping_configuration_;
  net::Task<void> watching_certificates_;
  net::Task<void> watching_memory_;
  std::shared_ptr<Control*> self_;  // cleared when destroyed
};

}  // namespace gatehouse::control
