// What all loops share about a service: the retry budget and the count of requests in flight. Lives in the
// registry, so it survives reloads.
//
// Memory order: relaxed throughout. The counts guard nothing but themselves.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include "base/time.h"

namespace gatehouse::upstream {

// Retries may add at most a share of the live traffic of the last 10 s, plus 3 a second, in the whole
// process.
class RetryBudget {
 public:
  // `n` first tries have happened. Loops count for themselves and report in batches.
  void count(std::uint64_t n, Time now) noexcept {
    bucket(now).requests.fetch_add(n, std::memory_order_relaxed);
  }

  // Takes one retry if `share` of the traffic allows it.
  bool take(double share, Time now) noexcept {
    std::uint64_t requests = 0;
    std::uint64_t retries = 0;
    Bucket& mine = bucket(now);
    std::int64_t second = seconds(now);
    for (auto& b : buckets_) {
      if (second - b.second.load(std::memory_order_relaxed) >= kSeconds) continue;
      requests += b.requests.load(std::memory_order_relaxed);
      retries += b.retries.load(std::memory_order_relaxed);
    }
    if (static_cast<double>(retries) >= share * static_cast<double>(requests) + 3.0 * kSeconds) return false;
    mine.retries.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

 private:
  static constexpr std::int64_t kSeconds = 10;
  struct Bucket {
    std::atomic<std::int64_t> second = INT64_MIN / 2;
    std::atomic<std::uint64_t> requests = 0;
    std::atomic<std::uint64_t> retries = 0;
  };
  static std::int64_t seconds(Time t) noexcept { return t.time_since_epoch() / 1s; }
  // Whoever first comes to a new second clears its bucket; a count lost in that race is one of thousands.
  Bucket& bucket(Time now) noexcept {
    std::int64_t second = seconds(now);
    Bucket& b = buckets_[static_cast<std::size_t>(second % kSeconds)];
    std::int64_t seen = b.second.load(std::memory_order_relaxed);
    if (seen != second && b.second.compare_exchange_strong(seen, second, std::memory_order_relaxed)) {
      b.requests.store(0, std::memory_order_relaxed);
      b.retries.store(0, std::memory_order_relaxed);
    }
    return b;
  }
  std::array<Bucket, kSeconds> buckets_;
};

// `max_in_flight`: a permit is taken in one operation and returned by its destructor.
class InFlight {
 public:
  class Permit {
   public:
    Permit() noexcept = default;
    explicit Permit(InFlight* owner) noexcept : owner_(owner) {}
    Permit(Permit&& o) noexcept : owner_(std::exchange(o.owner_, nullptr)) {}
    Permit& operator=(Permit&& o) noexcept {
      std::swap(owner_, o.owner_);
      return *this;
    }
    ~Permit() {
      if (owner_) owner_->count_.fetch_sub(1, std::memory_order_relaxed);
    }
    explicit operator bool() const noexcept { return owner_ != nullptr; }

   private:
    InFlight* owner_ = nullptr;
  };
  // An empty permit if `limit` are taken.
  Permit take(std::uint64_t limit) noexcept {
    if (count_.fetch_add(1, std::memory_order_relaxed) < limit) return Permit(this);
    count_.fetch_sub(1, std::memory_order_relaxed);
    return Permit();
  }
  std::uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> count_ = 0;
};

struct SharedService {
  RetryBudget budget;
  InFlight in_flight;
};

}  // namespace gatehouse::upstream
