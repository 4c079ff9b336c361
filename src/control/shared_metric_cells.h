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

#include "base/counters.h"
#include "base/error.h"
#include "base/histogram.h"
#include "gateway/record.h"

namespace gatehouse::control {

// Buckets of latencies: they begin where the gateway's own share lies and end where time-outs do.
struct LatencyScale {
  static constexpr std::array<Duration, 20> kBounds = {10us,   25us, 50us,   100us, 250us, 500us, 1ms,
                                                       2500us, 5ms,  10ms,   25ms,  50ms,  100ms, 250ms,
                                                       500ms,  1s,   2500ms, 5s,    10s,   30s};
  static constexpr std::size_t kBuckets = kBounds.size() + 1;
  static constexpr Duration upper(std::size_t i) noexcept {
    return i < kBounds.size() ? kBounds[i] : Duration::max();
  }

  // The first bucket whose bound is not below `d`. A table tells where the durations of so many bits begin;
  // at most two bounds lie within one power of two.
  static constexpr std::size_t index(Duration d) noexcept {
    const std::uint64_t ns = d.count() > 0 ? static_cast<std::uint64_t>(d.count()) : 0;
    std::size_t i = kFirst[static_cast<std::size_t>(std::bit_width(ns))];
    while (i < kBounds.size() && kBounds[i] < d) ++i;
    return i;
  }

 private:
  static constexpr std::array<std::uint8_t, 65> kFirst = [] {
    std::array<std::uint8_t, 65> first{};
    for (std::size_t bits = 1; bits < first.size(); ++bits) {
      const std::uint64_t smallest = std::uint64_t{1} << (bits - 1);
      std::uint8_t i = 0;
      while (i < kBounds.size() && static_cast<std::uint64_t>(kBounds[i].count()) < smallest) ++i;
      first[bits] = i;
    }
    return first;
  }();
};
using LatencyCells = BasicHistogram<LatencyScale>;
using LatencyTotals = LatencyCells::Reading;

inline constexpr std::size_t kStatusClasses = 6;  // 0: nothing was sent; 1xx to 5xx
constexpr std::size_t status_class(std::uint16_t status) noexcept {
  return status < 600 ? status / 100U : kStatusClasses - 1;
}

// What a series counted, at one moment; two readings can be subtracted.
struct SeriesTotals {
  std::array<std::uint64_t, kStatusClasses> requests{};
  LatencyTotals own;
  LatencyTotals upstream;

  std::uint64_t count() const noexcept;
  SeriesTotals& operator+=(const SeriesTotals& o) noexcept;
  SeriesTotals& operator-=(const SeriesTotals& o) noexcept;
};

struct SeriesCells {
  std::array<Counter, kStatusClasses> requests;
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
    s.requests[status_class(r.status)].add();
    s.own.record(r.own);
    if (r.tries) s.upstream.record(r.upstream);
    if (r.bytes_in) bytes_in_.add(r.bytes_in);
    bytes_out_.add(r.bytes_out);
    if (r.failed) [[unlikely]]
      failures_[static_cast<std::size_t>(r.reason)].add();
  }

  // Any thread. Zeros for a series that has no cells.
  SeriesTotals series(std::size_t index) const noexcept;
  SeriesTotals unrouted() const noexcept { return unrouted_.read(); }  // requests without a series
  SeriesTotals other() const noexcept { return other_.read(); }        // their series has no cells
  std::uint64_t failures(Errc reason) const noexcept {
    return failures_[static_cast<std::size_t>(reason)].value();
  }
  std::uint64_t bytes_in() const noexcept { return bytes_in_.value(); }
  std::uint64_t bytes_out() const noexcept { return bytes_out_.value(); }

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
  std::array<Counter, static_cast<std::size_t>(Errc::last_)> failures_;
  Counter bytes_in_;
  Counter bytes_out_;
  std::vector<std::unique_ptr<Chunk>> owned_;  // control's
};

}  // namespace gatehouse::control
