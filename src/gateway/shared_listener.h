// How many connections a listener has, in the whole process and by client address.
//
// Memory order: the count is relaxed; it guards nothing but itself. Addresses stand in sharded tables under
// locks, touched once when a connection opens and once when it closes, and only where `per_address` is set.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>

#include "base/ip.h"

namespace gatehouse::gateway {

class SharedListener {
 public:
  // `limit` 0 = none. False: there are that many already.
  bool open(std::uint64_t limit) noexcept {
    if (connections_.fetch_add(1, std::memory_order_relaxed) < limit || limit == 0) return true;
    connections_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  void close() noexcept { connections_.fetch_sub(1, std::memory_order_relaxed); }
  std::uint64_t connections() const noexcept { return connections_.load(std::memory_order_relaxed); }

  bool open_address(const IpAddress& a, std::uint64_t limit) {
    Shard& s = shard(a);
    std::lock_guard lock(s.mutex);
    auto& n = s.counts[a];
    if (n >= limit) return false;
    ++n;
    return true;
  }
  void close_address(const IpAddress& a) {
    Shard& s = shard(a);
    std::lock_guard lock(s.mutex);
    auto it = s.counts.find(a);
    if (it != s.counts.end() && --it->second == 0) s.counts.erase(it);
  }

 private:
  struct Shard {
    std::mutex mutex;
    std::map<IpAddress, std::uint32_t> counts;  // guarded by mutex; bounded by the open connections
  };
  Shard& shard(const IpAddress& a) noexcept { return shards_[(a.bytes[15] ^ a.bytes[14]) % shards_.size()]; }

  std::atomic<std::uint64_t> connections_ = 0;
  std::array<Shard, 16> shards_;
};

}  // namespace gatehouse::gateway
