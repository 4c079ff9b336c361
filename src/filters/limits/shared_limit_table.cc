#include "filters/limits/shared_limit_table.h"

#include <algorithm>

namespace gatehouse::filters {
namespace {

constexpr std::size_t kFirstLevelBytes = std::size_t{2} << 20;
constexpr unsigned kLooks = 2000;  // at a latch, before it is left: some 20 us

}  // namespace

std::size_t SharedLimitTable::bytes_of(std::uint64_t wanted) noexcept {
  return std::max(static_cast<std::size_t>(wanted), kLeastBytes) / sizeof(Bucket) * sizeof(Bucket);
}

SharedLimitTable::SharedLimitTable(std::size_t bytes)
    : memory_(bytes_of(bytes)),
      buckets_(static_cast<Bucket*>(memory_.data()), bytes_of(bytes) / sizeof(Bucket)),
      latches_(std::make_unique<std::array<Latch, kShards>>()) {
  std::size_t first = 0;
  std::size_t next = kFirstLevelBytes / sizeof(Bucket);
  while (first < buckets_.size()) {
    const std::size_t left = buckets_.size() - first;
    // What would be left for one more has to be worth a level of its own.
    const bool last = level_count_ + 1 == kMostLevels || left < 2 * next;
    levels_[level_count_++] = {first, last ? left : next};
    first += levels_[level_count_ - 1].count;
    next *= 4;
  }
}

std::optional<SharedLimitTable::Place> SharedLimitTable::find_in(Bucket& bucket,
                                                                 const LimitKey& key) noexcept {
  for (std::size_t i = 0; i < kWays; ++i) {
    if (bucket.low[i].load(std::memory_order_relaxed) != key.low) continue;
    const std::uint64_t word = bucket.words[i].load(std::memory_order_acquire);
    if (word == kBusy || word == 0) continue;
    if (bucket.low[i].load(std::memory_order_relaxed) == key.low &&
        bucket.high[i].load(std::memory_order_relaxed) == key.high)
      return Place(bucket.words[i], word);
  }
  return std::nullopt;
}

std::optional<SharedLimitTable::Place> SharedLimitTable::find(const LimitKey& key) noexcept {
  const std::size_t used = levels_used_.load(std::memory_order_relaxed);
  for (std::size_t l = 0; l < used; ++l) {
    if (auto place = find_in(one_of(levels_[l], key), key)) return place;
    if (auto place = find_in(other_of(levels_[l], key), key)) return place;
  }
  return std::nullopt;
}

bool SharedLimitTable::is_free(std::uint64_t word, std::int64_t now) noexcept {
  return word == 0 || (word != kBusy && LimitWord::paid(word) <= now - kSlack);
}

bool SharedLimitTable::fill(Bucket& bucket, const LimitKey& key, std::uint32_t limit, std::uint64_t word,
                            std::int64_t now) noexcept {
  for (std::size_t i = 0; i < kWays; ++i) {
    std::uint64_t old = bucket.words[i].load(std::memory_order_relaxed);
    if (!is_free(old, now)) continue;
    // Its key may come back to life in this moment, or another shard take the place.
    if (!bucket.words[i].compare_exchange_strong(old, kBusy, std::memory_order_acq_rel)) continue;
    bucket.low[i].store(key.low, std::memory_order_relaxed);
    bucket.high[i].store(key.high, std::memory_order_relaxed);
    bucket.limits[i].store(limit, std::memory_order_relaxed);
    bucket.words[i].store(word, std::memory_order_release);
    return true;
  }
  return false;
}

SharedLimitTable::Added SharedLimitTable::add(const LimitKey& key, std::uint32_t limit, std::uint64_t word,
                                              std::int64_t now) noexcept {
  std::atomic<bool>& latch = (*latches_)[key.high % kShards].held;
  for (unsigned looks = 0; latch.exchange(true, std::memory_order_acquire);)
    if (++looks == kLooks) return Added::busy;
  struct Release {
    std::atomic<bool>& latch;
    ~Release() { latch.store(false, std::memory_order_release); }
  } release{latch};

  if (find(key)) return Added::there;
  return put(key, limit, word, now) ? Added::added : Added::full;
}

bool SharedLimitTable::put(const LimitKey& key, std::uint32_t limit, std::uint64_t word,
                           std::int64_t now) noexcept {
  auto room = [now](const Bucket& b) {
    return std::ranges::count_if(
        b.words, [now](const auto& w) { return is_free(w.load(std::memory_order_relaxed), now); });
  };
  for (std::size_t l = 0; l < level_count_; ++l) {
    Bucket* one = &one_of(levels_[l], key);
    Bucket* other = &other_of(levels_[l], key);
    if (room(*other) > room(*one)) std::swap(one, other);
    use_level(l);
    if (fill(*one, key, limit, word, now) || fill(*other, key, limit, word, now)) return true;
  }
  return false;
}

// Swapped without a look before it: so a page is first touched by a write, which costs one fault instead of
// two.
bool SharedLimitTable::fill_empty(Bucket& bucket, const LimitKey& key, std::uint32_t limit,
                                  std::uint64_t word) noexcept {
  for (std::size_t i = 0; i < kWays; ++i) {
    std::uint64_t empty = 0;
    if (!bucket.words[i].compare_exchange_strong(empty, word, std::memory_order_relaxed)) continue;
    bucket.low[i].store(key.low, std::memory_order_relaxed);
    bucket.high[i].store(key.high, std::memory_order_relaxed);
    bucket.limits[i].store(limit, std::memory_order_relaxed);
    return true;
  }
  return false;
}

bool SharedLimitTable::restore(const LimitKey& key, std::uint32_t limit, std::uint64_t word,
                               std::size_t& near) noexcept {
  constexpr std::size_t kNear = 64;  // buckets: there may be empty ones in between
  std::size_t best = kNear;
  std::size_t level = 0;
  for (std::size_t l = 0; l < level_count_; ++l) {
    for (const Bucket* bucket : {&one_of(levels_[l], key), &other_of(levels_[l], key)}) {
      const std::size_t distance = static_cast<std::size_t>(bucket - buckets_.data()) - near;
      if (distance >= best) continue;
      best = distance;
      level = l;
    }
  }
  if (best == kNear || !fill_empty(buckets_[near + best], key, limit, word))
    return put(key, limit, word, 0);  // at time 0 only empty places are free
  use_level(level);
  near += best;
  return true;
}

void SharedLimitTable::use_level(std::size_t l) noexcept {
  std::size_t used = levels_used_.load(std::memory_order_relaxed);
  while (used <= l && !levels_used_.compare_exchange_weak(used, l + 1, std::memory_order_relaxed)) {
  }
}

std::size_t SharedLimitTable::filled_buckets() const noexcept {
  const Level& last = levels_[levels_used_.load(std::memory_order_relaxed) - 1];
  return last.first + last.count;
}

}  // namespace gatehouse::filters
