// What workers count about credentials: a cell for each, which it alone writes and control reads.
//
// Owner: the registry, so that counts outlive snapshots. Memory order: see base/counters.h; nothing is
// guarded by a count.
#pragma once

#include <cstddef>
#include <memory>

#include "base/counters.h"

namespace gatehouse::filters {

struct AuthCounts {
  Counter cache_hits;
  Counter cache_misses;
  Counter cache_evicted;
  Gauge cache_entries;
  Gauge cache_bytes;
  Counter verified_good;  // signatures
  Counter verified_bad;
  Counter refused_again;  // bad tokens that were known as such
  Counter refused_rate;   // beyond `bad_signatures`
  Counter waited;         // requests whose key had to be fetched
  Counter undecided;      // and was not to be had
  Gauge waiting;          // now
};

class SharedAuthCounts {
 public:
  explicit SharedAuthCounts(std::size_t workers)
      : workers_(workers == 0 ? 1 : workers), cells_(std::make_unique<Cell[]>(workers_)) {}
  AuthCounts& of(std::size_t worker) noexcept { return cells_[worker % workers_].counts; }
  const AuthCounts& of(std::size_t worker) const noexcept { return cells_[worker % workers_].counts; }
  std::size_t workers() const noexcept { return workers_; }

 private:
  struct alignas(128) Cell {  // apart from its neighbour's lines, and the pair that is fetched together
    AuthCounts counts;
  };
  std::size_t workers_;
  std::unique_ptr<Cell[]> cells_;
};

}  // namespace gatehouse::filters
