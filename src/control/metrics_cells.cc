#include <algorithm>
#include <functional>
#include <numeric>

#include "control/shared_metric_cells.h"

namespace gatehouse::control {
namespace {

template <class Totals, class Operation>
void combine(Totals& into, const Totals& from, Operation operation) noexcept {
  std::ranges::transform(into, from, into.begin(), operation);
}

}  // namespace

std::uint64_t SeriesTotals::count() const noexcept {
  return std::accumulate(requests.begin(), requests.end(), std::uint64_t{0});
}
SeriesTotals& SeriesTotals::operator+=(const SeriesTotals& o) noexcept {
  combine(requests, o.requests, std::plus{});
  own += o.own;
  upstream += o.upstream;
  return *this;
}
SeriesTotals& SeriesTotals::operator-=(const SeriesTotals& o) noexcept {
  combine(requests, o.requests, std::minus{});
  own -= o.own;
  upstream -= o.upstream;
  return *this;
}

SeriesTotals SeriesCells::read() const noexcept {
  SeriesTotals t{.requests = {}, .own = own.read(), .upstream = upstream.read()};
  std::ranges::transform(requests, t.requests.begin(), &Counter::value);
  return t;
}

void MetricCells::reserve(std::size_t count) {
  const std::size_t chunks = (std::min(count, kMaxSeries) + kChunkSeries - 1) / kChunkSeries;
  while (owned_.size() < chunks) {
    owned_.push_back(std::make_unique<Chunk>());
    chunks_[owned_.size() - 1].store(owned_.back().get(), std::memory_order_release);
  }
}

SeriesTotals MetricCells::series(std::size_t index) const noexcept {
  if (index >= kMaxSeries) return {};
  const Chunk* chunk = chunks_[index / kChunkSeries].load(std::memory_order_acquire);
  return chunk ? (*chunk)[index % kChunkSeries].read() : SeriesTotals{};
}

}  // namespace gatehouse::control
