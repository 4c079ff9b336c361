// Numbers that one thread writes and any thread may read: no lock prefix, no contention, no allocation.
#pragma once

#include <atomic>
#include <cstdint>

namespace gatehouse {

// Only grows. Relaxed: a reader sees some recent value; of two counters it may see the newer of one and the
// older of the other. A load and a store, not a fetch_add: there is a single writer, so nothing can come
// between.
class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

// Goes up and down.
class Gauge {
 public:
  void add(std::int64_t n) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(std::int64_t v) noexcept { value_.store(v, std::memory_order_relaxed); }
  std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_ = 0;
};

}  // namespace gatehouse
