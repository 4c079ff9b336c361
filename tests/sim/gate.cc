#include "sim/gate.h"

#include <algorithm>

#include "config/loader.h"
#include "filters/access/access_filter.h"
#include "filters/headers/headers_filter.h"
#include "gateway/tls_handshakes.h"
#include "sim/certificates.h"
#include "sim/health.h"
#include "sim/planted.h"
#include "sim/run.h"
#include "sim/setting.h"
#include "sim/wire.h"

namespace gatehouse::sim {
namespace {

std::string limits_of(const Plan& plan, const Planted& planted) {
  std::string out;
  if (plan.limits.max_body > 0 && !planted.is(Bug::no_max_body))
    out += fmt::format(", max_body: {}B", plan.limits.max_body);
  unsigned most = planted.is(Bug::wide_door)     ? 100
                  : planted.is(Bug::narrow_door) ? 1
                                                 : plan.limits.per_address;
  if (plan.limits.per_address > 0) out += fmt::format(", per_address: {}", most);
  return out;
}

std::string tls_of(const Plan& plan, std::uint64_t generation, const Planted& planted) {
  if (!plan.tls.clients) return {};
  auto n = certificate_of(plan, planted.is(Bug::old_certificate) ? 1 : generation) - 1;
  return fmt::format(", tls: {{cert: gateway-{0}.pem, key: gateway-{0}-key.pem}}", n);
}

// Of a service: what its URLs begin with, and what it says about TLS.
struct ServiceWords {
  std::string_view scheme;
  std::string_view tls;
};
ServiceWords words_of(std::string_view service, const Plan& plan, const Planted& planted) {
  if (!speaks_tls(plan, service)) return {"http", ""};
  return {"https", planted.is(Bug::credulous) ? ", tls: {ca: ca.pem, verify: off}" : ", tls: {ca: ca.pem}"};
}

std::string health_of(const HealthPlan& plan, const Planted& planted) {
  if (!plan.checked) return {};
  return fmt::format(", health: {{path: /health, every: {}ms, fall: {}, rise: {}}}", plan.every / 1ms,
                     plan.fall, planted.is(Bug::no_return) ? 100 : plan.rise);
}

std::string text_of(const Plan& plan, std::uint64_t generation, const Planted& planted) {
  const Timeouts& t = plan.timeouts;
  bool unarmed = planted.is(Bug::unarmed_timeout);
  auto seconds = [](Duration d) { return fmt::format("{}ms", d / 1ms); };
  std::string out = fmt::format(
      "listen: {{public: {{port: 8080, half_close: {}{}{}, timeouts: {{handshake: {}, head: {}, body_idle: "
      "{}, "
      "keep_alive: {}, write_idle: {}, min_rate: {}}}}}}}\n",
      plan.half_close ? "on" : "off", limits_of(plan, planted), tls_of(plan, generation, planted),
      seconds(planted.is(Bug::endless_handshake) ? 1h : t.handshake), seconds(t.head), seconds(t.body_idle),
      seconds(unarmed ? 1h : t.keep_alive), seconds(t.write_idle),
      planted.is(Bug::no_min_rate) ? "1B" : "200B");
  out += fmt::format(
      "defaults: {{timeout: {}, body_idle: {}, deadline: {}, connect_timeout: {}, stream_idle: {}}}\n",
      seconds(unarmed ? 1h : t.service), seconds(t.service_body_idle), seconds(unarmed ? 1h : t.deadline),
      seconds(t.connect), seconds(t.stream_idle));
  auto words = [&](std::string_view service) { return words_of(service, plan, planted); };
  // Every second generation has an endpoint more.
  out += "services:\n";
  auto [scheme, tls] = words("alpha");
  out += fmt::format("  alpha: {{url: [{0}://alpha:9000{1}]{2}{3}}}\n", scheme,
                     generation % 2 ? "" : fmt::format(", {}://10.0.1.9:9000", scheme), tls,
                     health_of(plan.health, planted));
  out += fmt::format("  beta: {{url: {}, balance: least}}\n",
                     plan.unix_socket ? "unix:/run/beta.sock" : "http://10.0.2.1:9000");
  unsigned most = planted.is(Bug::wide_service)     ? 100
                  : planted.is(Bug::narrow_service) ? 1
                                                    : plan.limits.max_in_flight;
  out += fmt::format("  gamma: {{url: {}://10.0.3.1:9000, max_in_flight: {}{}}}\n", words("gamma").scheme,
                     most, words("gamma").tls);
  out += "  dead: http://10.0.4.1:9000\n";
  out += fmt::format(
      "  guarded:\n    url: {2}://10.0.5.1:9000\n{3}    deny: [{0}]\n    headers:\n"
      "      request: {{set: {{x-sim-set: generation-{1}}}, add: {{x-sim-add: added}}, remove: "
      "[x-sim-secret]}}\n"
      "      response: {{set: {{x-sim-policy: generation-{1}}}, add: {{x-sim-extra: more}}, remove: "
      "[x-sim-internal]}}\n",
      kDenied, generation, words("guarded").scheme,
      words("guarded").tls.empty() ? "" : fmt::format("    {}\n", words("guarded").tls.substr(2)));
  out += fmt::format(
      "  split: {{versions: {{v1: http://10.0.6.1:9000, v2: http://10.0.6.2:9000}}, canary: v2 {}%}}\n",
      kCanaryPercent);
  out += fmt::format("  left: {{url: {}://10.0.7.1:9000{}}}\n", words("left").scheme, words("left").tls);
  out += "  right: http://10.0.7.2:9000\n";
  out += "routes:\n";
  for (std::string_view service : {"alpha", "beta", "gamma", "dead", "guarded", "split"})
    out += fmt::format("  - {{path: /{0}/*, to: {0}}}\n", service);
  out += "  - {path: /role/*, to: alpha}\n";
  out += "  - {path: /role/*, to: beta, when: {header.x-role: admin}, name: by_role}\n";
  unsigned left = planted.is(Bug::lopsided_split) ? 100 - kWeightPercent : kWeightPercent;
  out += fmt::format("  - {{path: /weights/*, to: {{left: {}%, right: {}%}}}}\n", left, 100 - left);
  out += "  - {path: /enc/*, to: beta, rewrite: /in/*}\n";
  out += "  - {path: /old/*, redirect: /new/*}\n";
  out += "  - {path: /getonly/*, method: GET, reply: {status: 200, body: found}}\n";
  out +=
      fmt::format("  - {{path: /generation/*, reply: {{status: 200, body: generation {}}}}}\n", generation);
  out += fmt::format("state: /nowhere/generation-{}\n", generation);
  return out;
}

// The loader does not know claims yet: nothing in this version supplies them but the test filter.
void ask_for_claim(config::Spec& spec) {
  for (auto& r : spec.routes) {
    if (r.name != "by_role") continue;
    r.when.front().front().key = {config::ConditionKey::Kind::claim, "role"};
  }
}

// Those of the simulation, and the real ones.
std::vector<std::unique_ptr<gateway::FilterKind>> filters_of(const FilterPlan& plan, Planted& planted) {
  auto all = test_filters(plan);
  if (!planted.is(Bug::open_door)) all.push_back(filters::access_filter());
  if (!planted.is(Bug::forgotten_edit)) all.push_back(filters::headers_filter());
  planted.add_filters(all);
  return all;
}

std::shared_ptr<const config::Spec> parse(const std::string& text) {
  config::Environment env;
  env.variable = [](const std::string&) { return std::nullopt; };
  env.read_file = &pem_file;
  env.glob = [](const std::string&) { return std::vector<std::string>{}; };
  auto loaded = config::load_text(text, "sim.yaml", env);
  if (!loaded.spec) {
    for (const auto& d : loaded.diagnostics) fmt::print(stderr, "{}\n", d.text());
    std::abort();
  }
  ask_for_claim(*loaded.spec);
  return std::make_shared<const config::Spec>(std::move(*loaded.spec));
}

}  // namespace

std::shared_ptr<const config::Spec> spec_of(const Plan& plan, std::uint64_t generation,
                                            const Planted& planted) {
  static std::map<std::string, std::shared_ptr<const config::Spec>> parsed;
  auto& spec = parsed[text_of(plan, generation, planted)];
  if (!spec) spec = parse(text_of(plan, generation, planted));
  return spec;
}

void Gate::Sink::record(const gateway::RequestRecord& r) noexcept {
  if (r.total < Duration(0) || r.own < Duration(0) || r.upstream < Duration(0))
    ledger.violate(fmt::format("a record of {} with a negative time", r.path));
  Entry* e = ledger.find(request_id_in(r.path));
  if (!e) return;
  ++e->records;
  e->recorded_at = ledger.now();
  e->saturated = r.failed && r.reason == Errc::saturated;
  e->recorded_status = r.status;
  ledger.trace("log: {} {} {}{}", r.path, r.status, r.failed ? errc_info(r.reason).reason : "",
               r.failed && !r.detail.empty() ? fmt::format(" ({})", r.detail) : "");
}

Gate::WorkerHost::WorkerHost(net::MemoryWorld& world, Ledger& ledger, Planted& planted,
                             gateway::Worker::Options options)
    : host(world, kGateway.ip), sink(ledger), network(planted.around(host.network)) {
  net::Network& used = network ? *network : host.network;
  worker = std::make_unique<gateway::Worker>(host.loop, used, sink, std::move(options));
}

Gate::Gate(net::MemoryWorld& world, Ledger& ledger, Planted& planted)
    : world_(world),
      ledger_(ledger),
      planted_(planted),
      control_(world, kGateway.ip),
      resolver_(control_.loop),
      directory_(control_.loop, resolver_),
      binder_(world),
      offload_(control_.loop),
      filters_(filters_of(ledger.plan().filters, planted)),
      publisher_({.loop = control_.loop,
                  .binder = binder_,
                  .offload = offload_,
                  .registry = registry_,
                  .filters = filters_,
                  .endpoints = directory_,
                  .workers = ledger.plan().workers}) {
  std::vector<IpAddress> alpha = {IpAddress::v4(0x0a000101), IpAddress::v4(0x0a000102)};
  if (ledger.plan().dead_endpoint) alpha.push_back(IpAddress::v4(0x0a000103));
  resolver_.set("alpha", alpha, 5s);
  resolver_.set_delay(2ms);
  std::vector<gateway::Worker*> all;
  for (unsigned i = 0; i < ledger.plan().workers; ++i) {
    gateway::Worker::Options options;
    options.index = i;
    options.on_installed = publisher_.on_installed();
    options.on_retired = publisher_.on_retired();
    options.on_drained = [this](unsigned) { ++drained_; };
    if (planted_.is(Bug::missed_reload) && i == 0)
      options.on_installed = [on = publisher_.on_installed(), n = ledger.plan().workers](unsigned w,
                                                                                         std::uint64_t v) {
        on(w, v);
        if (n > 1) on(1, v);  // the second worker is spoken for
      };
    workers_.push_back(std::make_unique<WorkerHost>(world, ledger, planted, std::move(options)));
    all.push_back(workers_.back()->worker.get());
  }
  publisher_.set_workers(std::move(all));
  if (ledger.plan().health.checked) begin_checks();
}

void Gate::begin_checks() {
  checks_ = std::make_unique<Checks>(control_, directory_);
  directory_.on_change = [this] {
    if (checks_) checks_->health.refresh();
  };
  checks_->health.on_turn = [this](const std::string&, const upstream::Endpoint& e,
                                   const control::CheckStatus& status) {
    auto endpoint = static_cast<std::size_t>(std::ranges::find(kAlpha, e.address().ip) - kAlpha.begin());
    if (endpoint < kAlpha.size()) note_health(ledger_, endpoint, status.up);
    if (planted_.is(Bug::ignored_check)) const_cast<upstream::Endpoint&>(e).set_checked(true);
  };
}

Gate::~Gate() {
  planted_.release();
  for (auto& w : workers_) w->worker.reset();
}

net::Task<void> Gate::reload() {
  while (std::exchange(reloading_, true)) co_await net::sleep_for(control_.loop, 1ms);
  std::uint64_t generation = ledger_.newest + 1;
  auto prepared = co_await publisher_.prepare(spec_of(ledger_.plan(), generation, planted_));
  if (!prepared) {
    for (const auto& d : prepared.error()) ledger_.violate(d.text());
    co_return;
  }
  ledger_.newest = generation;
  ledger_.trace("generation {} is published", generation);
  published_.push_back(prepared->snapshot);
  if (const auto* l = prepared->snapshot->listener("public")) contexts_.push_back(l->tls);
  if (planted_.is(Bug::missed_reload) && generation > 1 && workers_.size() > 1) {
    std::vector<gateway::Worker*> all;
    all.reserve(workers_.size());
    for (auto& w : workers_) all.push_back(w->worker.get());
    all[1] = all[0];
    publisher_.set_workers(std::move(all));
  }
  // The third endpoint of `alpha` comes and goes.
  forget_health(ledger_, kAlpha.size() - 1);
  co_await publisher_.commit(std::move(*prepared));
  forget_health(ledger_, kAlpha.size() - 1);
  ledger_.generation = generation;
  ledger_.trace("generation {} is acknowledged", generation);
  reloading_ = false;
}

void Gate::begin_drain() {
  ledger_.trace("the drain begins");
  ledger_.draining = true;
  Time deadline = after(world_.clock().now(), ledger_.plan().timeouts.drain);
  for (auto& w : workers_) {
    if (planted_.is(Bug::endless_drain) && w == workers_.front()) continue;
    w->host.loop.post([worker = w->worker.get(), deadline] { worker->begin_drain(deadline); });
  }
}

void Gate::check_at_rest() {
  for (auto& w : workers_) {
    auto& stats = w->worker->stats();
    unsigned i = w->worker->index();
    if (stats.connections.value() != 0 || w->worker->connections() != 0)
      ledger_.violate(fmt::format("worker {} still has {} connections", i, w->worker->connections()));
    if (stats.rejected.value() != 0 && ledger_.plan().limits.per_address == 0)
      ledger_.violate(fmt::format("worker {} turns connections away without a limit", i));
    if (std::size_t n = w->worker->handshakes().in_progress())
      ledger_.violate(fmt::format("worker {} still has {} handshakes", i, n));
    if (stats.exchanges.value() != 0) ledger_.violate(fmt::format("worker {} still has exchanges", i));
    if (stats.snapshots.value() != 1)
      ledger_.violate(fmt::format("worker {} holds {} snapshots", i, stats.snapshots.value()));
    if (&w->worker->current() != publisher_.snapshot().get())
      ledger_.violate(fmt::format("worker {} has missed a reload", i));
    w->worker->client().for_each_endpoint([&](const upstream::LocalEndpoint& e) {
      if (e.in_flight != 0)
        ledger_.violate(fmt::format("worker {}: {} leases of {} are lost", i, e.in_flight, e.shared->name()));
    });
  }
  for (const auto& s : publisher_.snapshot()->services())
    if (s.shared->in_flight.count() != 0)
      ledger_.violate(fmt::format("{} permits of {} are lost", s.shared->in_flight.count(), s.name));
  for (const auto& l : publisher_.snapshot()->listeners())
    if (l.shared->connections() != 0)
      ledger_.violate(fmt::format("{} connection permits are lost", l.shared->connections()));
  for (std::size_t g = 0; g + 1 < published_.size(); ++g)
    if (!published_[g].expired()) ledger_.violate(fmt::format("generation {} is never retired", g + 1));
  for (std::size_t g = 0; g + 1 < contexts_.size(); ++g)
    if (!contexts_[g].expired())
      ledger_.violate(fmt::format("the certificate of generation {} is kept", g + 1));
}

void Gate::check_pins() {
  for (auto& w : workers_) {
    auto& stats = w->worker->stats();
    if (stats.snapshots.value() > 1 + stats.exchanges.value())
      ledger_.violate(fmt::format("worker {} holds {} snapshots, and has {} exchanges", w->worker->index(),
                                  stats.snapshots.value(), stats.exchanges.value()));
  }
}

void Gate::count(Met& met) const noexcept {
  for (const auto& w : workers_) {
    auto& stats = w->worker->stats();
    met.handshakes += stats.tls_full.value() + stats.tls_resumed.value();
    met.resumed += stats.tls_resumed.value();
    met.failed += stats.tls_failed.value();
  }
}

// What the checks have said last is in force.
void Gate::check_health() {
  const upstream::Service* alpha = publisher_.snapshot()->service("alpha");
  for (const auto& e : alpha->versions.front().shared->slot.load()->endpoints) {
    auto i = static_cast<std::size_t>(std::ranges::find(kAlpha, e->address().ip) - kAlpha.begin());
    if (i == kAlpha.size()) continue;
    bool out = !ledger_.outages[i].empty() && ledger_.outages[i].back().to == kNever;
    if (out != e->checked_down()) ledger_.violate(fmt::format("the state of endpoint {} is not in force", i));
  }
}

void Gate::end_checks() {
  if (!checks_) return;
  checks_->client.for_each_endpoint([&](const upstream::LocalEndpoint& e) {
    if (e.in_flight > 1) ledger_.violate(fmt::format("{} leases of checks are lost", e.in_flight - 1));
  });
  checks_.reset();
  world_.run_for(1s);
}

void Gate::close_pools() {
  for (auto& w : workers_) w->worker->client().close_idle();
}

void Gate::check_blocks() {
  if (std::size_t n = control_.loop.blocks().in_use())
    ledger_.violate(fmt::format("control still holds {} blocks", n));
  for (auto& w : workers_)
    if (std::size_t n = w->host.loop.blocks().in_use())
      ledger_.violate(fmt::format("worker {} still holds {} blocks", w->worker->index(), n));
}

}  // namespace gatehouse::sim
