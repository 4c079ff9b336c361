// Latencies, counted in buckets. One thread records, any thread reads; two readings can be subtracted, so
// that one second is told from another, and those of several workers added.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/counters.h"
#include "base/time.h"

namespace gatehouse {

// Bounds as people expect them in Prometheus: 160 bytes a histogram, for what exists once a route.
struct PrometheusScale {
  static constexpr std::array<Duration, 18> kBounds = {100us, 250us,  500us, 1ms,   2500us, 5ms,
                                                       10ms,  25ms,   50ms,  100ms, 250ms,  500ms,
                                                       1s,    2500ms, 5s,    10s,   30s,    60s};
  static constexpr std::size_t kBuckets = kBounds.size() + 1;
  // The last bucket has no end.
  static constexpr Duration upper(std::size_t i) noexcept {
    return i < kBounds.size() ? kBounds[i] : Duration::max();
  }
  static constexpr std::size_t index(Duration d) noexcept {
    return static_cast<std::size_t>(std::ranges::lower_bound(kBounds, d) - kBounds.begin());
  }
};

// Log-linear (as HdrHistogram): 16 buckets to each power of two, so that a bucket's middle is at most 3.2 %
// off, from 16 us to 68 s. 3 KB a histogram, for what exists once a service.
struct FineScale {
  static constexpr unsigned kSub = 4;       // log2 of the buckets per power of two
  static constexpr unsigned kHighest = 26;  // log2 of the highest bound, in us
  static constexpr std::size_t kBuckets = (std::size_t{kHighest - kSub + 1} << kSub) + 1;

  static constexpr std::size_t index(Duration d) noexcept {
    if (d <= Duration::zero()) return 0;
    auto us = static_cast<std::uint64_t>((d - 1ns) / 1us);  // a bound belongs to the bucket below it
    if (us >= std::uint64_t{1} << kHighest) return kBuckets - 1;
    if (us < std::uint64_t{1} << kSub) return us;
    auto shift = static_cast<unsigned>(std::bit_width(us)) - 1 - kSub;
    return (std::size_t{shift} << kSub) + (us >> shift);
  }
  static constexpr Duration upper(std::size_t i) noexcept {
    if (i >= kBuckets - 1) return Duration::max();
    ++i;
    if (i < std::size_t{2} << kSub) return 1us * static_cast<std::int64_t>(i);
    auto shift = static_cast<unsigned>(i >> kSub) - 1;
    return 1us * static_cast<std::int64_t>((i - (std::size_t{shift} << kSub)) << shift);
  }
};

// What a histogram held at one moment.
template <class Scale>
struct HistogramReading {
  std::array<std::uint64_t, Scale::kBuckets> counts{};
  Duration sum{};

  std::uint64_t count() const noexcept {
    std::uint64_t n = 0;
    for (auto c : counts) n += c;
    return n;
  }
  HistogramReading& operator+=(const HistogramReading& o) noexcept {
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += o.counts[i];
    sum += o.sum;
    return *this;
  }
  // `o` was taken earlier, from the same histograms.
  HistogramReading& operator-=(const HistogramReading& o) noexcept {
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] -= o.counts[i];
    sum -= o.sum;
    return *this;
  }
  friend HistogramReading operator-(HistogramReading a, const HistogramReading& b) noexcept { return a -= b; }

  // The latency that a share `q` (0 to 1) did not exceed, interpolated in its bucket; zero if nothing was
  // recorded, the last bound if it lies beyond.
  Duration quantile(double q) const noexcept {
    auto total = static_cast<double>(count());
    if (total == 0) return Duration::zero();
    double rank = std::clamp(q, 0.0, 1.0) * total;
    double below = 0;
    for (std::size_t i = 0; i + 1 < counts.size(); ++i) {
      auto here = static_cast<double>(counts[i]);
      if (here > 0 && below + here >= rank) {
        Duration low = i ? Scale::upper(i - 1) : Duration::zero();
        double width = static_cast<double>((Scale::upper(i) - low).count());
        return low + Duration(static_cast<Duration::rep>(width * std::max(0.0, rank - below) / here));
      }
      below += here;
    }
    return Scale::upper(counts.size() - 2);
  }
};

template <class Scale>
class BasicHistogram {
 public:
  using Reading = HistogramReading<Scale>;

  void record(Duration d) noexcept {  // the owner's thread
    if (d < Duration::zero()) d = Duration::zero();
    buckets_[Scale::index(d)].add();
    sum_.add(static_cast<std::uint64_t>(d.count()));
  }
  // Any thread. A record under way may be in the sum and not yet in the counts, or the other way round.
  Reading read() const noexcept {
    Reading r;
    for (std::size_t i = 0; i < buckets_.size(); ++i) r.counts[i] = buckets_[i].value();
    r.sum = Duration(static_cast<Duration::rep>(sum_.value()));
    return r;
  }

 private:
  std::array<Counter, Scale::kBuckets> buckets_;
  Counter sum_;  // ns
};

using Histogram = BasicHistogram<PrometheusScale>;
using FineHistogram = BasicHistogram<FineScale>;

}  // namespace gatehouse
