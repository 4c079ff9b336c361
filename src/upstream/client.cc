#include "upstream/client.h"

#include "net/join.h"

namespace gatehouse::upstream {
namespace {

constexpr Duration kSweepEvery =
    500ms;  // so that a `Keep-Alive: timeout` less 1 s is met before the service closes
constexpr std::uint64_t kCountBatch = 32;
constexpr Duration kShortagePause = 5ms;  // between two tries for a descriptor

Error connect_error(const Error& e) noexcept {
  switch (e.code) {
    case Errc::io_timeout:
      return {Errc::connect_timeout, Origin::upstream, Retry::safe,
              "the connection was not accepted in time"};
    case Errc::tls_certificate: return {Errc::upstream_certificate, Origin::upstream, Retry::safe, e.detail};
    case Errc::tls_failed:
    case Errc::tls_not_tls: return {Errc::upstream_tls, Origin::upstream, Retry::safe, e.detail};
    case Errc::io_no_descriptors: return {Errc::out_of_resources, Origin::gateway, Retry::never, e.detail};
    case Errc::io_failed:  // no free port, no memory, no permission: the endpoint has not seen anything of it
      return {Errc::connect_refused, Origin::gateway, Retry::safe, e.detail};
    default: return {Errc::connect_refused, Origin::upstream, Retry::safe, e.detail};
  }
}

}  // namespace

LocalEndpoint::~LocalEndpoint() {
  while (UpstreamConnection* c = idle.pop_front()) delete c;
}

void Lease::give_back_connection(Time expires) && {
  net::Stream& stream = *connection_->stream;
  if (stream.stale() && stream.probe_stale()) return;  // closed, or it said more than it was asked
  connection_->expires = expires;
  connection_->reused = true;
  endpoint_->idle.push_front(*connection_.release());
  ++endpoint_->idle_count;
}

Client::Client(net::Loop& loop, net::Network& network)
    : loop_(loop),
      network_(network),
      published_(loop),
      self_(std::make_shared<Client*>(this)),
      sweeper_(&sweep, this) {
  loop_.set_timer(sweeper_, after(loop_.now(), kSweepEvery));
}

Client::~Client() { *self_ = nullptr; }

Client::LocalVersion& Client::local(const ServiceVersion& v) {
  std::uint32_t i = v.shared->index;
  if (i >= versions_.size()) versions_.resize(i + 1);
  if (!versions_[i]) versions_[i] = std::make_unique<LocalVersion>();
  LocalVersion& l = *versions_[i];
  if (l.seen != v.shared->slot.version()) refresh(l, v);
  return l;
}

void Client::refresh(LocalVersion& l, const ServiceVersion& v) {
  l.seen = v.shared->slot.version();
  l.set = v.shared->slot.load();
  l.endpoints.clear();
  for (const auto& e : l.set->endpoints) {
    auto& local = endpoints_[e.get()];
    if (!local) {
      local = std::make_unique<LocalEndpoint>();
      local->shared = e;
    }
    l.endpoints.push_back(local.get());
  }
}

LocalEndpoint* Client::least_loaded(LocalVersion& l, const Endpoint* avoid, bool any) {
  for (;;) {
    LocalEndpoint* best = nullptr;
    for (LocalEndpoint* e : l.endpoints) {
      if (e->shared.get() == avoid || (!any && !e->shared->could_be_used(loop_.now()))) continue;
      if (!best || e->in_flight < best->in_flight) best = e;
    }
    // Only who is chosen may spend a trial. It is spent already if another loop was faster: then the next
    // best.
    if (!best || any || best->shared->usable(loop_.now())) return best;
  }
}

// `any`: also those that are left out or checked down.
LocalEndpoint* Client::pick(LocalVersion& l, config::Balance balance, const Endpoint* avoid, bool any) {
  auto n = static_cast<std::uint32_t>(l.endpoints.size());
  if (balance == config::Balance::least) return least_loaded(l, avoid, any);
  if (balance == config::Balance::p2c) {
    // two distinct ones at random, the less loaded of them (Mitzenmacher 2001)
    std::uint32_t i = loop_.random().below(n);
    std::uint32_t j = loop_.random().below(n - 1);
    if (j >= i) ++j;
    LocalEndpoint* a = l.endpoints[i];
    LocalEndpoint* b = l.endpoints[j];
    if (b->in_flight < a->in_flight) std::swap(a, b);
    for (LocalEndpoint* e : {a, b})
      if (e->shared.get() != avoid && (any || e->shared->usable(loop_.now()))) return e;
  }
  // in turn; for p2c only when neither of the two was any good
  for (std::uint32_t k = 0; k < n; ++k) {
    LocalEndpoint* e = l.endpoints[l.round++ % n];
    if (e->shared.get() != avoid && (any || e->shared->usable(loop_.now()))) return e;
  }
  return nullptr;
}

LocalEndpoint* Client::choose(LocalVersion& l, config::Balance balance, const AcquireOptions& o) {
  if (l.endpoints.size() == 1) return l.endpoints.front();
  if (o.fresh) {
    for (LocalEndpoint* e : l.endpoints)
      if (e->shared.get() == o.avoid) return e;
  }
  if (LocalEndpoint* e = pick(l, balance, o.avoid, false)) return e;
  if (LocalEndpoint* e = pick(l, balance, nullptr, false)) return e;
  return pick(l, balance, o.avoid, true);  // all are out: used as if none were
}

std::unique_ptr<UpstreamConnection> Client::take_idle(LocalEndpoint& e, bool probe) {
  while (UpstreamConnection* raw = e.idle.pop_front()) {
    std::unique_ptr<UpstreamConnection> c(raw);
    --e.idle_count;
    if (c->expires <= loop_.now() || ((probe || c->stream->stale()) && c->stream->probe_stale())) continue;
    return c;
  }
  return nullptr;
}

bool Client::try_acquire(const Service& s, const ServiceVersion& v, const AcquireOptions& o,
                         Result<Lease>& out) {
  LocalVersion& l = local(v);
  if (l.endpoints.empty()) {
    if (l.set->state == EndpointSet::State::failed) {
      out = fail(Errc::name_not_resolved, l.set->reason, Origin::upstream);
      return true;
    }
    out = Lease();
    return false;
  }
  InFlight::Permit permit;
  if (s.policy.max_in_flight) {
    permit = s.shared->in_flight.take(s.policy.max_in_flight);
    if (!permit) {
      out = fail(Errc::saturated, "max_in_flight requests are under way");
      return true;
    }
  }
  LocalEndpoint* e = choose(l, s.balance, o);
  Lease lease(*e, std::move(permit));
  auto c = o.fresh ? nullptr : take_idle(*e, o.probe);
  bool ready = c != nullptr;
  if (ready) {
    counters_.reuses.add();
    lease.set_connection(std::move(c));
  }
  out = std::move(lease);
  return ready;
}

// A connection to the endpoint, with TLS where it speaks that.
net::Task<Result<net::StreamPtr>> Client::open(LocalEndpoint& e, Time deadline) {
  auto stream = co_await network_.connect(e.shared->address(), deadline);
  const EndpointTls& tls = e.shared->tls();
  if (!stream || !tls.context) co_return stream;
  auto secure = std::make_unique<net::TlsStream>(std::move(*stream), tls.context,
                                                 net::TlsServerName{tls.server_name, e.sessions});
  if (auto shaken = co_await secure->handshake(deadline); !shaken) co_return std::unexpected(shaken.error());
  co_return net::StreamPtr(std::move(secure));
}

net::Task<Result<Lease>> Client::acquire_later(const Service& s, const ServiceVersion& v, AcquireOptions o,
                                               Lease begun) {
  Lease lease = std::move(begun);
  if (!lease.valid()) {
    auto found = co_await wait_for_name(s, v, o);
    if (!found || found->connected()) co_return found;
    lease = std::move(*found);
  }
  auto stream = co_await connect(lease.endpoint(), s.policy.connect_timeout, o.deadline);
  if (!stream) co_return std::unexpected(stream.error());
  auto c = std::make_unique<UpstreamConnection>();
  c->stream = std::move(*stream);
  lease.set_connection(std::move(c));
  co_return lease;
}

// A lease, with a connection if the pool has one.
net::Task<Result<Lease>> Client::wait_for_name(const Service& s, const ServiceVersion& v, AcquireOptions o) {
  Time deadline = std::min(o.deadline, after(loop_.now(), s.policy.connect_timeout));
  for (;;) {
    LocalVersion& l = local(v);
    if (std::exchange(l.awaited, l.seen) != l.seen) {  // one for all that wait
      v.shared->slot.on_publish(l.seen, [self = self_, &loop = loop_] {
        loop.post([self] {
          if (*self) (*self)->published_.notify();
        });
      });
    }
    auto published = [](net::Signal& signal) -> net::Task<bool> {
      co_await signal.wait();
      co_return true;
    };
    if (!co_await net::with_deadline(loop_, deadline, published(published_)))
      co_return fail(Errc::name_not_resolved, "the name is still being looked up", Origin::upstream);
    Result<Lease> next{Lease()};
    if (try_acquire(s, v, o, next) || next->valid()) co_return next;
  }
}

net::Task<Result<net::StreamPtr>> Client::connect(LocalEndpoint& local, Duration timeout, Time of_call) {
  Endpoint& endpoint = *local.shared;
  counters_.connects.add();
  Time began = loop_.now();
  Time deadline = std::min(of_call, after(began, timeout));
  unsigned refusals = endpoint.refusals();
  auto stream = co_await open(local, deadline);
  // Out of descriptors: a request that was accepted has the first claim on what becomes free.
  while (!stream && stream.error().code == Errc::io_no_descriptors && loop_.now() < deadline) {
    if (make_room_) make_room_();
    co_await net::sleep_until(loop_, std::min(deadline, after(loop_.now(), kShortagePause)));
    began = loop_.now();
    refusals = endpoint.refusals();
    stream = co_await open(local, deadline);
  }
  if (stream) {
    endpoint.answered();
    co_return stream;
  }
  counters_.connect_failures.add();
  Error e = connect_error(stream.error());
  // Who was not given its full time is not to blame for what it did not do in less.
  bool cut = e.code == Errc::connect_timeout && loop_.now() >= deadline && deadline < after(began, timeout);
  if (cut && deadline == of_call)
    co_return fail(Errc::deadline_exceeded, "no connection before the deadline", Origin::upstream);
  if (!cut && e.origin == Origin::upstream) endpoint.refused(loop_.now(), refusals);
  co_return std::unexpected(e);
}

void Client::count_request(const ServiceVersion& v, RetryBudget& budget) {
  LocalVersion& l = local(v);
  if (++l.uncounted < kCountBatch) return;
  budget.count(std::exchange(l.uncounted, 0), loop_.now());
}

bool Client::take_retry(const ServiceVersion& v, RetryBudget& budget, double share) {
  budget.count(std::exchange(local(v).uncounted, 0), loop_.now());
  if (!budget.take(share, loop_.now())) return false;
  counters_.retries.add();
  return true;
}

void Client::close_idle() {
  for (auto& [key, e] : endpoints_) {
    while (UpstreamConnection* c = e->idle.pop_front()) delete c;
    e->idle_count = 0;
  }
}

// Closes what is idle for too long or was closed by its peer, and forgets endpoints that no service has any
// more.
void Client::sweep(void* raw) noexcept {
  auto* self = static_cast<Client*>(raw);
  Time now = self->loop_.now();
  std::uint64_t idle = 0;
  for (auto& l : self->versions_) {  // drops references to sets that were replaced
    if (l && l->set.use_count() == 1) {
      l->seen = 0;
      l->set = std::make_shared<EndpointSet>();
      l->endpoints.clear();
    }
  }
  std::erase_if(self->endpoints_, [&](auto& item) {
    LocalEndpoint& e = *item.second;
    e.idle.for_each([&](UpstreamConnection& c) {
      if (c.expires > now && !(c.stream->stale() && c.stream->probe_stale())) return;
      --e.idle_count;
      delete &c;
    });
    idle += e.idle_count;
    return e.shared.use_count() == 1 && e.in_flight == 0;
  });
  self->counters_.idle.set(static_cast<std::int64_t>(idle));
  self->loop_.set_timer(self->sweeper_, after(now, kSweepEvery));
}

}  // namespace gatehouse::upstream
