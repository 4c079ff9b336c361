#include "sim/run.h"

#include <algorithm>
#include <memory>

#include "sim/answer_check.h"
#include "sim/certificates.h"
#include "sim/client.h"
#include "sim/crowd.h"
#include "sim/gate.h"
#include "sim/health.h"
#include "sim/service.h"
#include "sim/setting.h"

namespace gatehouse::sim {
namespace {

constexpr std::size_t kMaxSteps = 3'000'000;  // a loop that never rests

class Run {
 public:
  Run(const Plan& plan, Bug bug, bool verbose, Leave leave = {})
      : plan_(plan),
        leave_(leave),
        planted_(bug),
        openssl_(plan.seed),
        world_(plan.seed * 31 + 7, plan.faults),
        ledger_(world_.clock(), plan, verbose),
        services_(world_, ledger_, plan.seed + 1),
        gate_(world_, ledger_, planted_),
        people_(world_, kHome),
        tls_clients_(ledger_) {
    for (const IpAddress& ip : kAlpha) services_.add("alpha", ip);
    services_.add("beta", IpAddress::v4(0x0a000201));
    services_.add("beta", net::SocketAddress::unix_socket("/run/beta.sock"));
    services_.add("gamma", IpAddress::v4(0x0a000301));
    services_.add("guarded", IpAddress::v4(0x0a000501));
    services_.add("split.v1", IpAddress::v4(0x0a000601));
    services_.add("split.v2", IpAddress::v4(0x0a000602));
    services_.add("left", IpAddress::v4(0x0a000701));
    services_.add("right", IpAddress::v4(0x0a000702));
  }
  Outcome play();

 private:
  net::Task<void> control();
  net::Task<void> watch_pins();
  bool until(const std::function<bool()>& done, Duration within);
  void load();
  void rest();

  const Plan& plan_;
  Leave leave_;
  std::uint64_t load_began_ = 0;
  std::uint64_t load_steps_ = 0;
  Planted planted_;
  SeededOpenssl openssl_;
  net::MemoryWorld world_;
  Ledger ledger_;
  Services services_;
  Gate gate_;
  net::MemoryHost people_;
  TlsClients tls_clients_;
  std::vector<std::unique_ptr<Client>> clients_;
  net::Task<void> control_;
  net::Task<void> watching_;
};

// What is left of a generation while its tunnels go on.
net::Task<void> Run::watch_pins() {
  for (;;) {
    co_await net::sleep_for(gate_.loop(), 300ms);
    gate_.check_pins();
  }
}

// Reloads, and the drain where it comes in the middle.
net::Task<void> Run::control() {
  Time start = gate_.loop().now();
  for (Duration at : plan_.reloads) {
    co_await net::sleep_until(gate_.loop(), start + at);
    co_await gate_.reload();
  }
  if (!plan_.drains_early()) co_return;
  co_await net::sleep_until(gate_.loop(), start + plan_.drain_at);
  gate_.begin_drain();
}

bool Run::until(const std::function<bool()>& done, Duration within) {
  Time limit = after(world_.clock().now(), within);
  return world_.run_until([&] { return world_.steps() > kMaxSteps || done(); }, limit) && done();
}

void Run::load() {
  auto first = gate_.reload();
  if (!until([&] { return first.done(); }, 10s)) return ledger_.violate("the first publication does not end");
  for (const auto& c : plan_.connections) {
    clients_.push_back(std::make_unique<Client>(people_, kGateway, ledger_, tls_clients_, c));
    clients_.back()->start();
  }
  control_ = control();
  if (plan_.tunnels) watching_ = watch_pins();
  load_began_ = world_.steps();
  auto idle = [&] {
    if (world_.steps() - load_began_ == leave_.leave_after)
      for (auto& c : clients_) c->leave(leave_.reset);
    return std::ranges::all_of(clients_, [](const auto& c) { return c->done(); }) && control_.done();
  };
  bool ended = until(idle, 20min);
  load_steps_ = world_.steps() - load_began_;
  watching_.cancel();
  if (ended) return;
  if (!control_.done()) ledger_.violate("a reload does not end");
  for (const auto& c : clients_)
    if (!c->done()) ledger_.violate("does not end: " + c->where());
}

// Drains, and looks whether anything is left.
void Run::rest() {
  if (plan_.health.checked) {  // what it was to see, it has seen
    Time settled = health_settled(ledger_);
    world_.run_until([] { return false; }, settled);
    gate_.check_health();
  }
  if (!plan_.drains_early()) gate_.begin_drain();
  if (!until([&] { return gate_.drained(); }, plan_.timeouts.drain + 1s))
    ledger_.violate("the drain does not end");
  // Everything is over but what the kernels still have under way.
  clients_.clear();
  control_.cancel();
  world_.run_for(plan_.slack());
  gate_.check_at_rest();
  planted_.release();
  gate_.end_checks();
  gate_.close_pools();
  if (!until([&] { return services_.open() == 0 && world_.open_streams() == 0; }, 200s))
    ledger_.violate(fmt::format("{} streams are still open", world_.open_streams()));
  if (tls_objects() > 0) ledger_.violate(fmt::format("{} TLS objects are left", tls_objects()));
  gate_.check_blocks();
  if (people_.loop.blocks().in_use() + services_.blocks() > 0)
    ledger_.violate("the simulation itself holds blocks");
}

Outcome Run::play() {
  Time start = world_.clock().now();
  load();
  if (ledger_.violations().empty()) rest();
  Outcome out;
  for (const auto& [id, e] : ledger_.entries()) {
    out.met.tunnels += e.tunnel[0].opened;
    if (ledger_.violations().empty() || planted_.is(Bug::none)) judge(ledger_, id, e);
    out.requests += e.attempted;
    out.answers += e.answer == Entry::Answer::whole;
    out.shares.count(e);
  }
  gate_.count(out.met);
  for (const auto& outages : ledger_.outages) out.met.outages += outages.size();
  if (ledger_.violations().empty()) check_crowds(ledger_);
  if (ledger_.violations().empty()) check_handshakes(ledger_);
  if (ledger_.violations().empty()) check_outages(ledger_);
  if (world_.steps() > kMaxSteps) ledger_.violate("the loops do not come to rest");
  out.violations = ledger_.violations();
  out.steps = world_.steps();
  out.load_steps = load_steps_;
  out.trace = world_.trace();
  out.simulated = world_.clock().now() - start;
  clients_.clear();
  control_.cancel();
  return out;
}

}  // namespace

void Met::add(const Met& other) noexcept {
  handshakes += other.handshakes;
  resumed += other.resumed;
  failed += other.failed;
  outages += other.outages;
  tunnels += other.tunnels;
}

std::string Met::text() const {
  return fmt::format(
      "{} TLS handshakes, {} of them resumed, and {} that failed; {} outages of endpoints; {} tunnels",
      handshakes, resumed, failed, outages, tunnels);
}

Outcome run(const Plan& plan, Bug bug, bool verbose) { return Run(plan, bug, verbose).play(); }

Outcome run(const Plan& plan, const Leave& leave) { return Run(plan, Bug::none, false, leave).play(); }

}  // namespace gatehouse::sim
