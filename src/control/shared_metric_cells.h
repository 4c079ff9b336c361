// What one worker counts about requests, in cells that it alone writes and that control reads.
//
// Memory order: counts are relaxed. They guard nothing, and with a single writer an increment is a load, an
// addition and a store, not a locked operation (0.1 us a request is the budget, a locked add is 5 ns of it
// each). A reader sees every cell at some recent value, each monotonic; two cells may differ by the requests
// of that instant.
//
// The table of series grows while the worker counts: control makes a chunk of zeroed cells and publishes its
// pointer (release); the worker loads it (acquire), so it never sees a cell before its zeroes. A chunk is
// never moved or freed before the whole object. Control reserves before it publishes the snapshot that names
// the new series; should a record come sooner than its chunk, it is counted as `other`.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.h"
#include "gateway/record.h"

namespace gatehouse::control {

// Upper bounds of the latency buckets. The first lie where the gateway's own share does, the last where
// time-outs do.
inline constexpr std::array<Duration, 20> kLatencyBounds = {10us,   25us, 50us,   100us, 250us, 500us, 1ms,
                                                            2500us, 5ms,  10ms,   25ms,  50ms,  100ms, 250ms,
                                                            500ms,  1s,   2500ms, 5s,    10s,   30s};

// The bucket of a duration: the first whose bound is not below it; kLatencyBounds.size() above all.
constexpr std::size_t latency_bucket(Duration d) noexcept {
  // The bucket of the smallest duration with so many bits; at most two bounds lie within one power of two.
  constexpr auto first = [] {
    std::array<std::uint8_t, 65> at{};
    for (std::size_t bits = 1; bits < at.size(); ++bits) {
      const std::uint64_t smallest = std::uint64_t{1} << (bits - 1);
      std::uint8_t i = 0;
      while (i < kLatencyBounds.size() && static_cast<std::uint64_t>(kLatencyBounds[i].count()) < smallest)
        ++i;
      at[bits] = i;
    }
    return at;
  }();
  const std::uint64_t ns = d.count() > 0 ? static_cast<std::uint64_t>(d.count()) : 0;
  std::size_t i = first[static_cast<std::size_t>(std::bit_width(ns))];
  while (i < kLatencyBounds.size() && static_cast<std::uint64_t>(kLatencyBounds[i].count()) < ns) ++i;
  return i;
}

// ---- sums, as control reads them; any two of them can be subtracted
// -------------------------------------------------

struct LatencyTotals {
  std::array<std::uint64_t, kLatencyBounds.size() + 1> buckets{};
  std::uint64_t sum = 0;  // ns

  std::uint64_t count() const noexcept;
  LatencyTotals& operator+=(const LatencyTotals& o) noexcept;
  LatencyTotals& operator-=(const LatencyTotals& o) noexcept;
};

inline constexpr std::size_t kStatusClasses = 6;  // 0: nothing was sent; 1xx to 5xx
constexpr std::size_t status_class(std::uint16_t status) noexcept {
  return status < 600 ? status / 100U : kStatusClasses - 1;
}

struct SeriesTotals {
  std::array<std::uint64_t, kStatusClasses> requests{};
  LatencyTotals own;
  LatencyTotals upstream;

  std::uint64_t count() const noexcept;
  SeriesTotals& operator+=(const SeriesTotals& o) noexcept;
  SeriesTotals& operator-=(const SeriesTotals& o) noexcept;
};

// ---- cells
// ----------------------------------------------------------------------------------------------------------

// A counter with one writer.
class Cell {
 public:
  void add(std::uint64_t n) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct LatencyCells {
  std::array<Cell, kLatencyBounds.size() + 1> buckets;
  Cell sum;  // ns

  void add(Duration d) noexcept {
    buckets[latency_bucket(d)].add(1);
    if (d.count() > 0) sum.add(static_cast<std::uint64_t>(d.count()));
  }
  LatencyTotals read() const noexcept;
};

struct SeriesCells {
  std::array<Cell, kStatusClasses> requests;
  LatencyCells own;
  LatencyCells upstream;  // of requests that asked a service
  SeriesTotals read() const noexcept;
};

class MetricCells {
 public:
  static constexpr std::size_t kMaxSeries = std::size_t{1} << 18;

  MetricCells() = default;
  MetricCells(const MetricCells&) = delete;

  // Control: makes room for the series 0 to `count` - 1. Beyond kMaxSeries they are counted as `other`.
  void reserve(std::size_t count);

  // The worker, once a request.
  void count(const gateway::RequestRecord& r) noexcept {
    SeriesCells& s = cells_of(r.series);
    s.requests[status_class(r.status)].add(1);
    s.own.add(r.own);
    if (r.tries) s.upstream.add(r.upstream);
    if (r.bytes_in) bytes_in_.add(r.bytes_in);
    bytes_out_.add(r.bytes_out);
    if (r.failed) [[unlikely]]
      failures_[static_cast<std::size_t>(r.reason)].add(1);
  }

  // Any thread. Zeros for a series that has no cells.
  SeriesTotals series(std::size_t index) const noexcept;
  SeriesTotals unrouted() const noexcept { return unrouted_.read(); }  // requests without a series
  SeriesTotals other() const noexcept { return other_.read(); }        // their series has no cells
  std::uint64_t failures(Errc reason) const noexcept {
    return failures_[static_cast<std::size_t>(reason)].read();
  }
  std::uint64_t bytes_in() const noexcept { return bytes_in_.read(); }
  std::uint64_t bytes_out() const noexcept { return bytes_out_.read(); }

 private:
  static constexpr std::size_t kChunkSeries = 128;
  using Chunk = std::array<SeriesCells, kChunkSeries>;

  SeriesCells& cells_of(std::uint32_t series) noexcept {
    if (series < kMaxSeries) [[likely]] {
      if (Chunk* chunk = chunks_[series / kChunkSeries].load(std::memory_order_acquire)) [[likely]]
        return (*chunk)[series % kChunkSeries];
      return other_;
    }
    return series == gateway::RequestRecord::kNoSeries ? unrouted_ : other_;
  }

  std::array<std::atomic<Chunk*>, kMaxSeries / kChunkSeries> chunks_{};
  SeriesCells unrouted_;
  SeriesCells other_;
  std::array<Cell, static_cast<std::size_t>(Errc::last_)> failures_;
  Cell bytes_in_;
  Cell bytes_out_;
  std::vector<std::unique_ptr<Chunk>> owned_;  // control's
};

}  // namespace gatehouse::control
