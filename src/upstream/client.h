// One loop's side of all services: pools of connections, load counts, and the choice of an endpoint.
//
// Thread: its loop. Everything here is local to it; what loops share stands in shared_*.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/counters.h"
#include "base/list.h"
#include "net/network.h"
#include "net/tls_stream.h"
#include "upstream/service.h"

namespace gatehouse::upstream {

struct LocalEndpoint;

// An open connection to an endpoint, between or during exchanges.
struct UpstreamConnection : ListNode {
  net::StreamPtr stream;
  Time expires{};  // as an idle one
  bool reused = false;
};

struct LocalEndpoint {
  std::shared_ptr<Endpoint> shared;
  List<UpstreamConnection> idle;  // most recently used first; owned
  std::uint32_t idle_count = 0;
  std::shared_ptr<net::TlsSessionSlot> sessions = std::make_shared<net::TlsSessionSlot>();
  std::uint32_t in_flight = 0;  // exchanges of this loop
  ~LocalEndpoint();
};

// The right to make one attempt: an endpoint, a connection, a load count and a permit. Destroyed without
// `finish` it was cancelled: permits return and nobody is blamed.
class Lease {
 public:
  Lease() noexcept = default;
  Lease(LocalEndpoint& e, InFlight::Permit permit) noexcept : endpoint_(&e), permit_(std::move(permit)) {
    ++e.in_flight;
  }
  Lease(Lease&& o) noexcept
      : endpoint_(std::exchange(o.endpoint_, nullptr)),
        permit_(std::move(o.permit_)),
        connection_(std::move(o.connection_)) {}
  Lease& operator=(Lease&& o) noexcept {
    std::swap(endpoint_, o.endpoint_);
    std::swap(permit_, o.permit_);
    std::swap(connection_, o.connection_);
    return *this;
  }
  ~Lease() {
    if (endpoint_) --endpoint_->in_flight;
  }
  LocalEndpoint& endpoint() const noexcept { return *endpoint_; }
  UpstreamConnection& connection() const noexcept { return *connection_; }
  bool valid() const noexcept { return endpoint_ != nullptr; }
  bool connected() const noexcept { return connection_ != nullptr; }
  void set_connection(std::unique_ptr<UpstreamConnection> c) noexcept { connection_ = std::move(c); }
  // Both directions of the exchange have ended in order: the connection may carry another one until
  // `expires`.
  void give_back_connection(Time expires) &&;

 private:
  LocalEndpoint* endpoint_ = nullptr;
  InFlight::Permit permit_;
  std::unique_ptr<UpstreamConnection> connection_;
};

struct AcquireOptions {
  const Endpoint* avoid = nullptr;  // the one that just failed, if there is another
  bool fresh = false;               // no pooled connection, and the endpoint `avoid` again
  bool probe = false;               // ask the kernel before a pooled connection is used
  Time deadline = kNever;
};

struct ClientCounters {  // written by the loop, read by anyone
  Counter connects;
  Counter connect_failures;
  Counter reuses;
  Counter retries;
  Gauge idle;  // pooled connections now
};

class Client {
 public:
  Client(net::Loop& loop, net::Network& network);
  Client(const Client&) = delete;
  ~Client();

  net::Loop& loop() const noexcept { return loop_; }
  ClientCounters& counters() noexcept { return counters_; }

  // An endpoint by the service's balancing, and a pooled connection if there is one. Returns false if
  // something has to be waited for (a name, a connection): then `acquire_later` goes on with `out`.
  bool try_acquire(const Service& s, const ServiceVersion& v, const AcquireOptions& o, Result<Lease>& out);
  net::Task<Result<Lease>> acquire_later(const Service& s, const ServiceVersion& v, AcquireOptions o,
                                         Lease begun);

  // Counts a first try towards the retry budget, in batches.
  void count_request(const ServiceVersion& v, RetryBudget& budget);
  bool take_retry(const ServiceVersion& v, RetryBudget& budget, double share);

  // Called when a connection needs a descriptor and there is none: closes what can be spared.
  void on_shortage(std::function<void()> make_room) { make_room_ = std::move(make_room); }
  void close_idle();  // all pooled connections, for shutdown and when descriptors run short
  template <class F>
  void for_each_endpoint(F f) const {
    for (auto& [e, local] : endpoints_) f(*local);
  }

 private:
  struct LocalVersion {
    std::uint64_t seen = 0;
    std::uint64_t awaited = 0;  // the `seen` whose end this loop has asked to be told of
    std::shared_ptr<const EndpointSet> set;
    std::vector<LocalEndpoint*> endpoints;
    std::uint32_t round = 0;
    std::uint64_t uncounted = 0;
  };
  LocalVersion& local(const ServiceVersion& v);
  net::Task<Result<Lease>> wait_for_name(const Service& s, const ServiceVersion& v, AcquireOptions o);
  net::Task<Result<net::StreamPtr>> open(LocalEndpoint& e, Time deadline);
  net::Task<Result<net::StreamPtr>> connect(LocalEndpoint& local, Duration timeout, Time of_call);
  void refresh(LocalVersion& l, const ServiceVersion& v);
  LocalEndpoint* choose(LocalVersion& l, config::Balance balance, const AcquireOptions& o);
  LocalEndpoint* pick(LocalVersion& l, config::Balance balance, const Endpoint* avoid, bool any);
  LocalEndpoint* least_loaded(LocalVersion& l, const Endpoint* avoid, bool any);
  std::unique_ptr<UpstreamConnection> take_idle(LocalEndpoint& e, bool probe);
  static void sweep(void* self) noexcept;

  net::Loop& loop_;
  net::Network& network_;
  std::function<void()> make_room_;
  net::Signal published_;
  std::shared_ptr<Client*> self_;  // cleared when destroyed: wakes that are still under way find nobody
  net::Timer sweeper_;
  ClientCounters counters_;
  std::vector<std::unique_ptr<LocalVersion>> versions_;  // by SharedVersion::index
  // Not by address: what is done to all of them is then done in the same order in every run.
  struct ByName {
    std::size_t operator()(const Endpoint* e) const noexcept { return std::hash<std::string>{}(e->name()); }
  };
  std::unordered_map<const Endpoint*, std::unique_ptr<LocalEndpoint>, ByName> endpoints_;
};

}  // namespace gatehouse::upstream
