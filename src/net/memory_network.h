// The network of the simulation: hosts, listeners and byte streams in memory, under a clock that jumps and
// faults that a seed chooses. Everything runs in one thread; the same seed gives the same run.
//
//   MemoryWorld world(seed, faults);
//   MemoryHost worker(world), client(world, ip);         // a loop each, with its poller and network
//   auto acceptor = worker.network.accept_on(*world.bind(address));
//   ... start tasks on the loops ...
//   world.run_until([&] { return done; }, deadline);
//
// Streams behave as SocketStream does, edge for edge: what a stream knows (`stale`, `peer_closed`) it knows
// from events that its loop has handled, not from what has already arrived. So races of the real thing exist
// here too.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/list.h"
#include "base/random.h"
#include "base/time.h"
#include "net/loop.h"
#include "net/network.h"

namespace gatehouse::net {

// Moves only when it is told to.
class SimClock final : public Clock {
 public:
  Time now() const noexcept override { return now_; }
  WallTime wall() const noexcept override { return wall_start_ + (now_ - kStart) + wall_offset_; }
  void advance_to(Time t) noexcept { now_ = t > now_ ? t : now_; }
  void shift_wall(Duration d) noexcept { wall_offset_ += d; }  // someone sets the clock of the machine

 private:
  static constexpr Time kStart{Duration(1h)};
  static constexpr WallTime wall_start_{Duration(1'767'225'600'000'000'000)};  // 2026-01-01T00:00:00Z
  Time now_ = kStart;
  Duration wall_offset_{};
};

// What may go wrong, and how often. Chances are from 0 to 1. The defaults are a fast network without faults.
struct MemoryFaults {
  double partial_recv = 0;          // a recv yields a prefix of what is there, at least a byte
  double partial_send = 0;          // a send takes a prefix of what fits, at least a byte
  std::size_t buffer_min = 262144;  // what a direction holds, sent and not yet received: drawn per connection
  std::size_t buffer_max = 262144;
  std::size_t segment_max = 16384;  // a send is cut into segments of up to so many bytes
  Duration delay_min = 50us;        // one way, per segment; bytes of a stream stay in order
  Duration delay_max = 150us;
  double long_delay = 0;  // a segment takes up to long_delay_max
  Duration long_delay_max = 2s;
  bool reorder_wakes = true;   // streams with events are served in any order, over several turns
  double reset = 0;            // a connection is reset at a random moment ...
  double fin = 0;              // ... or one end dies: the other sees an orderly end, its own process a reset
  Duration break_within = 1s;  // ... by time, or
  std::size_t break_within_bytes = 65536;  // ... by bytes that were sent
  double connect_refused = 0;
  double connect_unanswered = 0;  // times out
  double connect_no_descriptors = 0;
  double accept_no_descriptors = 0;
  Duration turn_max = 20us;  // what a loop's turn costs, at most

  // A mix for one run: each fault is absent, rare or frequent, as `random` decides.
  static MemoryFaults draw(Random& random);
};

class MemoryWorld;
class MemoryListener;
class MemoryConnection;

// Something that a poller tells of events: a stream or an acceptor. Unlinks itself when destroyed.
class MemoryHandler : public ListNode {
 public:
  virtual void on_events() noexcept = 0;  // may destroy the handler

 protected:
  ~MemoryHandler() = default;
};

// One per loop. It must outlive its loop and die before the world.
class MemoryPoller final : public Poller {
 public:
  explicit MemoryPoller(MemoryWorld& world);
  MemoryPoller(const MemoryPoller&) = delete;
  MemoryPoller& operator=(const MemoryPoller&) = delete;
  ~MemoryPoller() override;

  void poll(Time until, Loop& loop) override;  // never waits: the world calls only who has something to do
  void wake() noexcept override { woken_.store(true, std::memory_order_release); }

  // Tells the world whose turns it shall run. Called by MemoryNetwork; a loop without network calls it
  // itself.
  void serve(Loop& loop) noexcept { loop_ = &loop; }
  void announce(MemoryHandler& handler) noexcept {
    if (!handler.linked()) pending_.push_back(handler);
  }

 private:
  friend class MemoryWorld;
  bool has_something_to_do(Time now) const noexcept;

  MemoryWorld& world_;
  Loop* loop_ = nullptr;
  bool stopped_ = false;
  std::atomic<bool> woken_ = false;
  List<MemoryHandler> pending_;
};

class MemoryWorld {
 public:
  explicit MemoryWorld(std::uint64_t seed, MemoryFaults faults = {});
  MemoryWorld(const MemoryWorld&) = delete;
  MemoryWorld& operator=(const MemoryWorld&) = delete;
  ~MemoryWorld();

  const SimClock& clock() const noexcept { return clock_; }
  SimClock& clock() noexcept { return clock_; }
  Random& random() noexcept { return random_; }
  MemoryFaults& faults() noexcept { return faults_; }  // may be changed at any time

  // Listens at once, as the real bind_socket does; port 0 chooses one. Several sockets may be bound to one
  // address: they share its connections by the seed, as with SO_REUSEPORT. 0.0.0.0 and :: stand for every
  // address.
  Result<std::unique_ptr<BoundSocket>> bind(const SocketAddress& address);

  // Runs one turn of one loop that has something to do; where none has, the clock first jumps to the next
  // timer or arrival. False if there is nothing to do until `limit`, where the clock then stands (kNever:
  // never again).
  bool step(Time limit = kNever);
  void run_for(Duration d);
  // Steps until `done`; false if that did not come until `limit`.
  bool run_until(const std::function<bool()>& done, Time limit);
  bool run_until(const std::function<bool()>& done, Duration within) {
    return run_until(done, after(clock_.now(), within));
  }

  std::size_t open_streams() const noexcept { return open_streams_; }  // of all hosts; 0 when nothing leaks
  std::uint64_t steps() const noexcept { return steps_; }
  // A digest of everything that happened: equal for equal seeds.
  std::uint64_t trace() const noexcept { return trace_; }

  // The rest is for the parts of the memory network.
  using Event = std::function<void()>;
  void at(Time when, Event event);  // events of one time happen in the order they were set
  Duration delay() noexcept;        // of one segment
  bool chance(double p) noexcept { return p > 0 && random_.unit() < p; }
  void note(std::uint64_t what) noexcept { trace_ = (trace_ ^ what) * 0x100000001b3U + (trace_ >> 29); }
  MemoryListener* choose_listener(const SocketAddress& to) noexcept;
  std::uint16_t next_port() noexcept;

 private:
  friend class MemoryPoller;
  friend class MemoryListener;
  friend class MemoryStream;
  struct Scheduled {
    Time when;
    std::uint64_t sequence;
    Event event;
  };
  static bool later(const Scheduled& a, const Scheduled& b) noexcept;
  void happen() noexcept;  // all events that are due
  Time next_event() const noexcept;
  void tell_time() noexcept;
  MemoryPoller* choose_loop();

  SimClock clock_;
  Random random_;
  MemoryFaults faults_;
  std::vector<Scheduled> events_;  // a heap
  std::uint64_t next_sequence_ = 0;
  std::vector<MemoryPoller*> pollers_;
  std::vector<MemoryListener*> listeners_;
  std::uint16_t port_ = 32768;
  std::size_t open_streams_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t trace_ = 0xcbf29ce484222325U;
};

class MemoryNetwork final : public Network {
 public:
  // `local` is the address that connections come from.
  MemoryNetwork(MemoryWorld& world, Loop& loop, MemoryPoller& poller,
                IpAddress local = IpAddress::v4(0x7f000001)) noexcept
      : world_(world), loop_(loop), poller_(poller), local_(local) {
    poller.serve(loop);
  }
  Task<Result<StreamPtr>> connect(SocketAddress to, Time deadline) override;
  Result<std::unique_ptr<Acceptor>> accept_on(std::unique_ptr<BoundSocket> socket) override;
  void set_local(IpAddress ip) noexcept { local_ = ip; }

 private:
  MemoryWorld& world_;
  Loop& loop_;
  MemoryPoller& poller_;
  IpAddress local_;
};

// A machine of the simulation: one loop and its way to the others.
struct MemoryHost {
  explicit MemoryHost(MemoryWorld& w, IpAddress local = IpAddress::v4(0x7f000001))
      : world(w), poller(w), loop(w.clock(), poller, w.random().next()), network(w, loop, poller, local) {}
  MemoryWorld& world;
  MemoryPoller poller;
  Loop loop;
  MemoryNetwork network;
};

}  // namespace gatehouse::net
