// One core's share of the gateway: its snapshot, listeners, connections and upstream pools.
//
// Thread: its loop, except where a function says otherwise.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/counters.h"
#include "base/list.h"
#include "gateway/local_place.h"
#include "gateway/record.h"
#include "gateway/snapshot.h"
#include "net/network.h"
#include "upstream/client.h"

namespace gatehouse::gateway {

class Listener;
class H1Connection;
class TlsHandshakes;
struct FailedHandshakes;
class Worker;

// A snapshot on one worker, with plain counts of who uses it: a request takes a pin, not a shared_ptr.
struct SnapshotHolder {
  explicit SnapshotHolder(std::shared_ptr<const Snapshot> s)
      : snapshot(std::move(s)), scratch(snapshot->router()) {}
  std::shared_ptr<const Snapshot> snapshot;
  RouterScratch scratch;
  ConditionScratch conditions;  // of Snapshot::conditions
  std::uint32_t pins = 0;
  bool retired = false;
};

// Move-only share in a holder.
class SnapshotPin {
 public:
  SnapshotPin(Worker& worker, SnapshotHolder& holder) noexcept : worker_(&worker), holder_(&holder) {
    ++holder.pins;
  }
  SnapshotPin(SnapshotPin&& o) noexcept : worker_(o.worker_), holder_(std::exchange(o.holder_, nullptr)) {}
  SnapshotPin& operator=(SnapshotPin&&) = delete;
  ~SnapshotPin();
  const Snapshot& snapshot() const noexcept { return *holder_->snapshot; }
  RouterScratch& scratch() const noexcept { return holder_->scratch; }
  ConditionScratch& conditions() const noexcept { return holder_->conditions; }

 private:
  Worker* worker_;
  SnapshotHolder* holder_;
};

// What a worker counts beside requests. Written by the worker alone, read by control.
struct WorkerStats {
  Counter accepted;
  Gauge connections;        // open now
  Counter rejected;         // beyond max_connections or per_address
  Counter accept_failures;  // out of descriptors
  Counter tls_full;         // handshakes
  Counter tls_resumed;
  Counter tls_failed;
  Gauge exchanges;         // in progress now
  Gauge tunnels;           // open now
  Gauge snapshot_version;  // in use
  Gauge snapshots;         // held: the current one and those that requests still pin
};

// New listening sockets that come with a snapshot; by listener name.
struct NewSocket {
  std::string listener;
  std::unique_ptr<net::BoundSocket> socket;
};

class Worker {
 public:
  struct Options {
    unsigned index = 0;
    // Called on the worker's thread when a published snapshot is in force; `retired` ones are handed back so
    // that their last reference is dropped elsewhere.
    std::function<void(unsigned index, std::uint64_t version)> on_installed;
    std::function<void(std::shared_ptr<const Snapshot>)> on_retired;
    std::function<void(unsigned index)> on_drained;  // the last connection is gone after begin_drain
    std::function<void(const FailedHandshakes&)> on_failed_handshakes{};  // see TlsFailures; may be empty
  };
  Worker(net::Loop& loop, net::Network& network, RecordSink& sink, Options options);
  Worker(const Worker&) = delete;
  ~Worker();  // cancels everything; the loop must not be running

  // Any thread. The latest snapshot wins; sockets are never lost. Listeners that the snapshot no longer has
  // stop accepting.
  void publish(std::shared_ptr<const Snapshot> snapshot, std::vector<NewSocket> sockets);

  // Stops accepting, closes idle connections, ends the others with their current answer; what is left at
  // `deadline` is cancelled.
  void begin_drain(Time deadline);
  bool draining() const noexcept { return draining_; }
  std::size_t connections() const noexcept { return open_; }

  net::Loop& loop() const noexcept { return loop_; }
  net::Network& network() const noexcept { return network_; }
  upstream::Client& client() noexcept { return client_; }
  RecordSink& sink() const noexcept { return sink_; }
  WorkerStats& stats() noexcept { return stats_; }
  unsigned index() const noexcept { return options_.index; }
  bool ready() const noexcept { return current_ != nullptr; }  // a snapshot is in force
  SnapshotPin pin() noexcept { return SnapshotPin(*this, *current_); }
  const Snapshot& current() const noexcept { return *current_->snapshot; }
  std::string_view date();  // value of a Date field, made once a second

  // What this worker keeps of its own at `place`: made by `make()` (a shared_ptr<T>) at first use. There is
  // one T a place.
  template <class T, class Make>
  T& local(const std::shared_ptr<const LocalPlace>& place, Make make) {
    const std::size_t i = place->index();
    if (i >= locals_.size()) locals_.resize(i + 1);
    Local& l = locals_[i];
    if (!l.state) [[unlikely]] {
      l.place = place;
      l.state = make();
    }
    return *static_cast<T*>(l.state.get());
  }

  // For listeners and connections.
  TlsHandshakes& handshakes() noexcept { return *handshakes_; }
  void adopt(std::unique_ptr<H1Connection> c);
  void connection_ended(H1Connection& c) noexcept;
  void set_idle(H1Connection& c, bool idle) noexcept;
  bool close_some_idle();     // when descriptors run short; false if there was nothing to close
  bool close_idle_clients();  // some, to make room for others; false if there was none
  void unpin(SnapshotHolder& h) noexcept;

 private:
  struct Local {
    std::weak_ptr<const LocalPlace> place;
    std::shared_ptr<void> state;
  };
  void install();
  void forget_locals() noexcept;
  void retire(SnapshotHolder& h) noexcept;
  void check_drained();

  net::Loop& loop_;
  net::Network& network_;
  RecordSink& sink_;
  Options options_;
  WorkerStats stats_;
  upstream::Client client_;
  std::vector<Local> locals_;  // by LocalPlace::index; outlives connections
  SnapshotHolder* current_ = nullptr;
  std::vector<std::unique_ptr<SnapshotHolder>> holders_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unique_ptr<TlsHandshakes> handshakes_;
  List<H1Connection> active_;
  List<H1Connection> idle_;  // longest idle first
  std::size_t open_ = 0;
  bool draining_ = false;
  net::Timer drain_timer_;
  std::int64_t date_second_ = -1;
  char date_[32];
  std::size_t date_size_ = 0;

  std::mutex pending_lock_;
  std::shared_ptr<const Snapshot> pending_;  // guarded by pending_lock_
  std::vector<NewSocket> pending_sockets_;   // guarded by pending_lock_
};

}  // namespace gatehouse::gateway
