// The keys of one issuer that are in force, published by control and read by every worker; and how workers
// ask control for fresh ones.
//
// Owner: the registry, under the identity of the issuer and its source, so that keys outlive reloads.
// Memory order: `publish` writes the keys under the lock and then the generation (release); a worker compares
// the generation (acquire) with what it has and takes the lock only when it changed. In steady state that is
// one load a request. Of a round the keys are published before its end is (release), so whoever has seen the
// end sees the keys.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/time.h"
#include "jose/key.h"

namespace gatehouse::filters {

// Immutable. Keys in force: those of the last good set, and removed ones that are still kept; never a revoked
// one.
struct KeysInForce {
  std::uint64_t generation = 0;
  std::vector<jose::Key> keys;
  std::vector<jose::Thumbprint> thumbprints;  // sorted
  std::vector<std::string> revoked;           // `kid`s of revoked keys: nobody has to wait for them
  bool holds(const jose::Thumbprint& t) const noexcept { return std::ranges::binary_search(thumbprints, t); }
};

// A *round* is a fetch with its repeats. Rounds are numbered from 1; at most one is under way.
class SharedKeyRing {
 public:
  // ---- control ----
  void publish(std::vector<jose::Key> keys, std::vector<std::string> revoked = {}) {
    auto next = std::make_shared<KeysInForce>();
    next->keys = std::move(keys);
    next->revoked = std::move(revoked);
    next->thumbprints.reserve(next->keys.size());
    for (const jose::Key& k : next->keys) next->thumbprints.push_back(k.thumbprint());
    std::ranges::sort(next->thumbprints);
    std::lock_guard lock(mutex_);
    next->generation = generation_.load(std::memory_order_relaxed) + 1;
    keys_ = std::move(next);
    generation_.store(keys_->generation, std::memory_order_release);
  }
  void round_started() noexcept {
    closed_until_.store(0, std::memory_order_relaxed);
    started_.fetch_add(1, std::memory_order_release);
  }
  // `closed_until`: a failed round means that nobody can be helped before then, when the next may start.
  void round_ended(bool good, Time closed_until) {
    if (good) good_.store(started_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    closed_until_.store(good ? 0 : closed_until.time_since_epoch().count(), std::memory_order_relaxed);
    ended_.store(started_.load(std::memory_order_relaxed), std::memory_order_release);
    wake_all();
  }
  // Keys changed outside a round (from the disk, revoked): whoever waits looks again.
  void wake_all() {
    std::vector<std::function<void()>> wake;
    {
      std::lock_guard lock(mutex_);
      wake.reserve(listeners_.size());
      for (const auto& l : listeners_) wake.push_back(l->wake);
    }
    for (const auto& w : wake) w();
  }
  // Control is to be told that somebody waits. Called on any thread; at most once until `take_demand`.
  void on_demand(std::function<void()> tell) {
    std::lock_guard lock(mutex_);
    tell_ = std::move(tell);
  }
  bool take_demand() noexcept { return demand_.exchange(false, std::memory_order_acq_rel); }

  // ---- workers ----
  std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }
  std::shared_ptr<const KeysInForce> keys() const {
    std::lock_guard lock(mutex_);
    return keys_;
  }
  std::uint64_t started() const noexcept { return started_.load(std::memory_order_acquire); }
  std::uint64_t ended() const noexcept { return ended_.load(std::memory_order_acquire); }
  std::uint64_t last_good() const noexcept { return good_.load(std::memory_order_relaxed); }
  // Nobody needs to wait at `now`: the last round failed and the next may not start yet.
  bool closed(Time now) const noexcept {
    return now.time_since_epoch().count() < closed_until_.load(std::memory_order_relaxed);
  }
  // Somebody waits for a round that has not started yet.
  void demand() {
    if (demand_.exchange(true, std::memory_order_acq_rel)) return;
    std::function<void()> tell;
    {
      std::lock_guard lock(mutex_);
      tell = tell_;
    }
    if (tell) tell();
  }

  // Calls `wake` at the end of each round and by wake_all, on control's thread, until it is destroyed: so it
  // posts to its loop and does no more.
  class Listening {
   public:
    Listening(std::shared_ptr<SharedKeyRing> ring, std::function<void()> wake)
        : ring_(std::move(ring)), listener_(std::make_shared<Listener>(std::move(wake))) {
      std::lock_guard lock(ring_->mutex_);
      ring_->listeners_.push_back(listener_);
    }
    Listening(const Listening&) = delete;
    ~Listening() {
      std::lock_guard lock(ring_->mutex_);
      std::erase(ring_->listeners_, listener_);
    }

   private:
    friend class SharedKeyRing;
    struct Listener {
      explicit Listener(std::function<void()> w) : wake(std::move(w)) {}
      const std::function<void()> wake;
    };
    std::shared_ptr<SharedKeyRing> ring_;
    std::shared_ptr<Listener> listener_;
  };

 private:
  std::atomic<std::uint64_t> generation_ = 0;
  std::atomic<std::uint64_t> started_ = 0;
  std::atomic<std::uint64_t> ended_ = 0;
  std::atomic<std::uint64_t> good_ = 0;
  std::atomic<Time::rep> closed_until_ = 0;
  std::atomic<bool> demand_ = false;
  mutable std::mutex mutex_;
  std::shared_ptr<const KeysInForce> keys_ = std::make_shared<KeysInForce>();  // guarded by mutex_
  std::function<void()> tell_;                                                 // guarded by mutex_
  std::vector<std::shared_ptr<Listening::Listener>> listeners_;                // guarded by mutex_
};

}  // namespace gatehouse::filters
