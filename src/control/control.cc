#include "control/control.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ip.h"
#include "control/admin_target.h"
#include "control/after_peak.h"
#include "control/kept_configuration.h"
#include "gateway/tls_compile.h"
#include "gateway/tls_failures.h"
#include "net/join.h"

namespace gatehouse::control {
namespace {

constexpr Duration kReadyAnyway = 2s;  // after the start, whatever names still have not answered
constexpr Duration kDrainSlack = 2s;   // for workers to cancel what is left at the deadline
constexpr Duration kAskWorkers = 1s;
constexpr Duration kLookAtCertificatesEvery = 10s;
constexpr Duration kKeepAddressesEvery = 5s;
constexpr Duration kLookAtMemoryEvery = 1s;
constexpr Duration kFinish = 5s;  // for what background tasks still have to write
constexpr std::string_view kAdminListener = "admin";

net::Task<bool> next(net::Signal& signal) {
  co_await signal.wait();
  co_return true;
}

}  // namespace

Control::Control(const Parts& parts, Source first)
    : parts_(parts),
      endpoints_(parts.loop, parts.resolver),
      tasks_({parts.loop, parts.network, parts.resolver, parts.offload, parts.log, parts.filters,
              parts.kept_files}),
      publisher_({parts.loop, parts.binder, parts.offload, registry_, parts.filters, endpoints_,
                  parts.workers, parts.auto_connections,
                  [this](std::shared_ptr<const gateway::Snapshot> s) { return tasks_.recall(std::move(s)); },
                  [this](const std::shared_ptr<const gateway::Snapshot>& s) { tasks_.apply(s); }}),
      configuration_(
          {.loop = parts.loop,
           .offload = parts.offload,
           .publisher = publisher_,
           .environment = parts.environment,
           .path = parts.path,
           .notice = [this](Severity level, const std::string& line) { parts_.log.write(level, line); },
           .before_commit = [this](const config::Spec& spec) { return before_commit(spec); }},
          std::move(first)),
      client_(parts.loop, parts.network),
      health_(client_, endpoints_),
      admin_(parts.loop, parts.network, admin_sink_, {}),
      worker_drained_(parts.loop),
      published_(parts.loop),
      self_(std::make_shared<Control*>(this)) {
  registry_.set_process({parts.workers, parts.secret});
  key_log_ = registry_.get<net::TlsKeyLog>(gateway::kTlsKeyLog,
                                           [&] { return std::make_shared<net::TlsKeyLog>(parts.key_log); });
  started_at_ = parts.loop.wall();
  endpoints_.remember(std::move(parts_.known_addresses));
  endpoints_.on_recall = [this](const std::string& name) {
    parts_.log.warning(
        fmt::format("{} has not resolved yet: the addresses that it had before the start are used", name));
  };
  endpoints_.on_change = [this] { health_.refresh(); };
  configuration_.on_published = [this] { published_.notify(); };
  endpoints_.on_name = [this](const std::string& name, std::string_view failure) {
    if (failure.empty()) {
      parts_.log.info(fmt::format("{} resolves again", name));
    } else {
      parts_.log.warning(fmt::format("{} does not resolve: {}", name, failure));
    }
  };
  health_.on_turn = [this](const std::string& service, const upstream::Endpoint& e, const CheckStatus& s) {
    parts_.log.write(s.up ? Severity::info : Severity::warning,
                     s.up
                         ? fmt::format("{} of {} is healthy again", e.name(), service)
                         : fmt::format("{} of {} fails its health checks: {}", e.name(), service, s.failure));
  };
}

Control::~Control() { *self_ = nullptr; }

config::Diagnostics Control::before_commit(const config::Spec& spec) {
  // Room for new series before a worker can meet one.
  for (MetricCells* cells : parts_.cells) cells->reserve(publisher_.series().size());
  if (!parts_.access_log) return {};
  auto configured = parts_.access_log->configure(spec.log);
  if (configured) return {};
  return {{config::Diagnostic::Level::error,
           {parts_.path, 0, 0},
           fmt::format("`log`: {}", configured.error()),
           {}}};
}

net::Task<std::expected<void, config::Diagnostics>> Control::prepare() {
  auto prepared = co_await configuration_.prepare_first();
  if (!prepared) co_return std::unexpected(std::move(prepared.error()));
  config::Diagnostics diagnostics;
  if (!bind_admin(diagnostics)) co_return std::unexpected(std::move(diagnostics));
  co_return std::expected<void, config::Diagnostics>{};
}

bool Control::bind_admin(config::Diagnostics& diagnostics) {
  const config::AdminSpec& admin = configuration_.disk().spec->admin;
  if (!admin.enabled) return true;
  auto refuse = [&](std::string_view why) {
    diagnostics.push_back(
        {config::Diagnostic::Level::error, admin.at.line ? admin.at : config::Location{parts_.path, 0, 0},
         fmt::format("the admin API cannot listen on {}:{}: {}", admin.bind, admin.port, why),
         "Another program, or another gateway, may have this port; choose one with `admin: {port: N}`"});
    return false;
  };
  auto ip = parse_ip(admin.bind);
  if (!ip) return refuse("`bind` is no address");
  admin_address_ = net::SocketAddress::of(*ip, admin.port);
  if (admin.port != 0)
    if (auto free = parts_.binder.probe(admin_address_); !free) return refuse(free.error().detail);
  auto socket = parts_.binder.bind(admin_address_);
  if (!socket) return refuse(socket.error().detail);
  admin_address_ = (*socket)->address();
  admin_socket_ = std::move(*socket);
  admin_listener_.name = kAdminListener;
  admin_listener_.bind = admin.bind;
  admin_listener_.port = admin_address_.port;
  admin_listener_.max_body = AdminTarget::kMaxBody;
  admin_listener_.max_connections = 256;
  return true;
}

gateway::Worker::Options Control::worker_options(unsigned index) {
  gateway::Worker::Options options;
  options.index = index;
  options.on_installed = publisher_.on_installed();
  options.on_retired = publisher_.on_retired();
  options.on_drained = [self = self_, &loop = parts_.loop](unsigned) {
    loop.post([self] {
      if (!*self) return;
      ++(*self)->drained_;
      (*self)->worker_drained_.notify();
    });
  };
  options.on_failed_handshakes = [self = self_, &loop = parts_.loop](const gateway::FailedHandshakes& f) {
    loop.post([self, f] {
      if (*self) (*self)->note(f);
    });
  };
  return options;
}

void Control::note(const gateway::FailedHandshakes& failed) {
  std::array<char, kMaxIpText> client;
  const bool certificate = failed.error.code == Errc::tls_certificate;
  parts_.log.info(
      failed.count == 1 ? "a TLS handshake failed" : "more TLS handshakes failed",
      {{"listener", failed.listener},
       {"client", format_ip(failed.client, client)},
       {"reason", fmt::format("{}{}", certificate ? "the client's certificate: " : "", failed.error.detail)},
       {"count", failed.count}});
}

net::Task<void> Control::start(std::vector<gateway::Worker*> workers) {
  workers_ = std::move(workers);
  publisher_.set_workers(workers_);
  started_ = parts_.loop.now();
  publish_admin();  // so that it answers while names are still being looked up
  co_await configuration_.commit_first();
  if (parts_.keep_addresses) keeping_addresses_ = keep_addresses();
  if (parts_.kept_files.write) keeping_configuration_ = keep_configuration();
  watching_certificates_ = watch_certificates();
  if (parts_.give_back_memory) watching_memory_ = watch_memory();
}

net::Task<void> Control::watch_memory() {
  AfterPeak peak;
  for (;;) {
    co_await net::sleep_for(parts_.loop, kLookAtMemoryEvery);
    std::uint64_t open = 0;
    for (gateway::Worker* w : workers_) open += static_cast<std::uint64_t>(w->stats().connections.value());
    if (!peak.look(open)) continue;
    co_await offload(parts_.offload, parts_.loop, [give_back = parts_.give_back_memory] {
      give_back();
      return true;
    });
  }
}

net::Task<void> Control::watch_certificates() {
  ExpiryWarnings warnings(parts_.log);
  for (;;) {
    if (const auto snapshot = publisher_.snapshot()) warnings.look(*snapshot, parts_.loop.wall());
    co_await net::sleep_for(parts_.loop, kLookAtCertificatesEvery);
  }
}

// Written when they have changed, so that a start without DNS can go on with them. A folder that cannot be
// written to is said once.
net::Task<void> Control::keep_addresses() {
  std::string kept;
  bool said = false;
  for (;;) {
    co_await net::sleep_for(parts_.loop, kKeepAddressesEvery);
    std::string text = to_text(endpoints_.known());
    if (text == kept || !endpoints_.all_answered()) continue;
    auto written = co_await offload(parts_.offload, parts_.loop,
                                    [keep = parts_.keep_addresses, text] { return keep(text); });
    kept = std::move(text);
    if (!written && !std::exchange(said, true)) parts_.log.warning(written.error());
  }
}

// Whenever another one of the disk has come into force.
net::Task<void> Control::keep_configuration() {
  std::string kept;
  for (;;) {
    if (configuration_.running().version != 0 && !configuration_.differs_from_disk()) {
      const auto now = KeptConfiguration::of(configuration_.disk());
      std::string text = now ? now->text() : std::string();
      if (!text.empty() && text != kept) {
        auto written = co_await offload(parts_.offload, parts_.loop, [write = parts_.kept_files.write, text] {
          return write(kConfigurationFile, text, {});
        });
        if (!written) parts_.log.warning(written.error());
        kept = std::move(text);
        continue;  // it may have changed meanwhile
      }
    }
    co_await published_.wait();
  }
}

void Control::publish_admin() {
  if (!admin_socket_) return;
  std::vector<gateway::NewSocket> sockets;
  sockets.push_back({std::string(kAdminListener), std::move(admin_socket_)});
  admin_.publish(gateway::Snapshot::direct(admin_listener_, std::make_unique<AdminTarget>(*this)),
                 std::move(sockets));
}

Readiness Control::readiness() const noexcept {
  if (draining_) return {false, "the gateway is shutting down"};
  if (configuration_.running().version == 0 || !publisher_.snapshot())
    return {false, "the first configuration is not in force yet"};
  if (!endpoints_.all_answered() && parts_.loop.now() < after(started_, kReadyAnyway))
    return {false, "names of services are still being looked up"};
  return {true, {}};
}

net::Task<void> Control::drain() {
  draining_ = true;
  const config::Spec& spec = *configuration_.running().spec;
  Duration drain = spec.drain;
  if (spec.ready_grace > Duration::zero()) co_await net::sleep_for(parts_.loop, spec.ready_grace);
  for (gateway::Worker* w : workers_)
    w->loop().post([w, drain] { w->begin_drain(after(w->loop().now(), drain)); });
  Time deadline = after(after(parts_.loop.now(), drain), kDrainSlack);
  while (drained_ < workers_.size())
    if (!co_await net::with_deadline(parts_.loop, deadline, next(worker_drained_))) break;
  co_await net::with_deadline(parts_.loop, after(parts_.loop.now(), kFinish), finish_tasks());
}

net::Task<bool> Control::finish_tasks() {
  co_await tasks_.finish();
  co_return true;
}

std::string Control::metrics(MetricsFormat format) {
  std::vector<MetricsSource::Worker> workers;
  for (std::size_t i = 0; i < workers_.size() && i < parts_.cells.size(); ++i) {
    gateway::WorkerStats& stats = workers_[i]->stats();
    workers.push_back(
        {*parts_.cells[i], stats, workers_[i]->client().counters(), workers_[i]->loop().longest_turn()});
  }
  const ChangeCounts& counts = configuration_.counts();
  MetricsSource source;
  source.series = publisher_.series();
  source.workers = workers;
  source.reloads_ok = counts.published;
  source.reloads_refused = counts.refused;
  source.snapshot_version = configuration_.running().version;
  source.differs_from_disk = configuration_.differs_from_disk();
  if (parts_.access_log) {
    source.log_lines = parts_.access_log->lines();
    source.log_lines_lost = parts_.access_log->lost();
  }
  source.diagnostic_lines_lost = parts_.log.lost();
  source.resident_bytes = resident_bytes();
  source.open_descriptors = open_descriptors();
  const auto snapshot = publisher_.snapshot();  // the certificates' names are views into it
  if (snapshot) {
    source.certificates = certificates_left(*snapshot, parts_.loop.wall());
    for (const upstream::Service& s : snapshot->services())
      source.services.push_back({s.name, s.shared->in_flight.count(), s.policy.max_in_flight});
  }
  source.tasks = tasks_.measure();
  source.started = started_at_;
  source.configured = configuration_.running().when;
  return render(source, format);
}

net::Task<EndpointLoads> Control::loads() {
  struct State {
    explicit State(net::Loop& loop) : answered(loop) {}
    EndpointLoads sum;
    std::size_t answers = 0;
    net::Signal answered;
  };
  auto state = std::make_shared<State>(parts_.loop);
  for (gateway::Worker* w : workers_) {
    // The state is touched on control's loop alone; a worker only carries it there and back.
    w->loop().post([w, state, &loop = parts_.loop] {
      EndpointLoads mine;
      w->client().for_each_endpoint(
          [&](const upstream::LocalEndpoint& e) { mine[e.shared.get()] = {e.in_flight, e.idle_count}; });
      loop.post([state, mine = std::move(mine)] {
        for (const auto& [endpoint, load] : mine) {
          EndpointLoad& sum = state->sum[endpoint];
          sum.in_flight += load.in_flight;
          sum.idle += load.idle;
        }
        ++state->answers;
        state->answered.notify();
      });
    });
  }
  Time deadline = after(parts_.loop.now(), kAskWorkers);
  std::size_t asked = workers_.size();
  while (state->answers < asked)
    if (!co_await net::with_deadline(parts_.loop, deadline, next(state->answered))) break;
  co_return state->sum;
}

}  // namespace gatehouse::control
