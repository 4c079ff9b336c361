// What each key of each limit owes: one table for the process, of a fixed size, which all workers read and
// charge without a lock.
//
// A key is a 128-bit keyed hash of the limit's name and of what is counted (LimitKey); nobody can find two
// that fall together without knowing the secret. It lies in one of the eight places of one of two buckets
// that its hash names. A bucket has 256 bytes: a line with the low halves of its hashes, one with the high
// halves, one with the words, one with the numbers of limits; so a key that is not there costs one line a
// bucket. The table is a few tables (levels), each larger than the one before: the next is touched only where
// the one before has no room, so that memory follows the number of live keys.
//
// A word is a time and, in its low four bits, the generation of the limit's terms that it was reckoned with
// (SharedLimit). A word whose time has passed says nothing: its place may be given to another key; no other
// may. So what a key owes is never forgotten while it owes anything.
//
// Owner: the registry. Threads: all; every member is atomic. What is argued here:
//  * A word changes by compare-and-swap from a word that was read, after which the hashes beside it were read
//    and found right. Giving a place away first changes its word (to kBusy), and a word that a place gets
//    later lies in the future of the one that was given away; so a swap that succeeds has charged that very
//    key. (acquire on the word, before the hashes; release when a place is filled.)
//  * Two workers that meet a new key at once would give it two places. Who adds a key therefore holds the
//    latch of its shard, one of 1 024, for some 50 ns; nobody who finds his key needs it. Who cannot have it
//    after a bounded number of looks (its holder sleeps) does not wait: the request is refused, and counted.
//  * How many levels are used only grows. Who has not seen a new one yet does not find a key there, wants to
//    add it, and sees the level behind the latch of the key's shard, under which it was added.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/siphash.h"
#include "filters/limits/zeroed_memory.h"

namespace gatehouse::filters {

using LimitKey = Hash128;

// Time and generation as one word. 60 bits of nanoseconds are 36 years; 0 = nothing was ever owed.
class LimitWord {
 public:
  static constexpr unsigned kGenerations = 16;
  static std::uint64_t make(std::int64_t paid, unsigned generation) noexcept {
    return static_cast<std::uint64_t>(paid) << 4 | generation;
  }
  static std::int64_t paid(std::uint64_t word) noexcept { return static_cast<std::int64_t>(word >> 4); }
  static unsigned generation(std::uint64_t word) noexcept { return static_cast<unsigned>(word & 15); }
};

class SharedLimitTable {
  struct Bucket;

 public:
  static constexpr std::size_t kWays = 8;
  static constexpr std::size_t kBytesPerPlace = 32;
  static constexpr std::size_t kLeastBytes = std::size_t{1} << 20;
  static constexpr std::size_t kShards = 1024;
  // A place is given away when its time has passed for so long: the clock of another worker's turn may lie
  // behind that of the one who gives it away.
  static constexpr std::int64_t kSlack = 1'000'000'000;

  // A key's place and the word that was read there (acquire). Good for one compare-and-swap.
  class Place {
   public:
    Place(std::atomic<std::uint64_t>& at, std::uint64_t word) noexcept : at_(&at), word_(word) {}
    std::uint64_t word() const noexcept { return word_; }
    // False: it changed in between; find it again.
    bool change(std::uint64_t to) const noexcept {
      std::uint64_t expected = word_;  // stays what was read and judged
      return at_->compare_exchange_strong(expected, to, std::memory_order_acq_rel, std::memory_order_relaxed);
    }

   private:
    std::atomic<std::uint64_t>* at_;
    std::uint64_t word_;
  };
  // An entry as `each` sees it.
  struct Entry {
    LimitKey key;
    std::uint32_t limit = 0;
    Place place;
  };

  // What a table of about so many takes.
  static std::size_t bytes_of(std::uint64_t wanted) noexcept;
  explicit SharedLimitTable(std::size_t bytes);
  SharedLimitTable(const SharedLimitTable&) = delete;

  // The secret of the hashes. Set before the first key, while nobody else uses the table.
  void set_secret(const SipKey& secret) noexcept { secret_ = secret; }
  const SipKey& secret() const noexcept { return secret_; }

  std::optional<Place> find(const LimitKey& key) noexcept;

  enum class Added : std::uint8_t {
    added,
    there,  // somebody else was first: find it
    full,   // no place whose word has passed
    busy    // the latch was not to be had
  };
  // Puts `key` of limit `limit` into a place whose time passed kSlack before `now`, with `word`, whose time
  // lies behind `now`.
  Added add(const LimitKey& key, std::uint32_t limit, std::uint64_t word, std::int64_t now) noexcept;

  // The same for a key that is not there, while nobody else uses the table: no search, no latch. (One that is
  // there all the same gets a second place.)
  // Keys that come in the order of `each`, from a table of the same size, go where they were, which lies just
  // behind the one before: `near`, 0 for the first. False: full.
  bool restore(const LimitKey& key, std::uint32_t limit, std::uint64_t word, std::size_t& near) noexcept;

  // Calls `use(Entry)` for every place that was ever filled and is not being filled now, `count` buckets
  // from `first` on. Returns where to go on; 0 = that was all.
  template <class Use>
  std::size_t each(std::size_t first, std::size_t count, Use use) noexcept;

  std::size_t places() const noexcept { return buckets_.size() * kWays; }
  std::size_t bytes() const noexcept { return buckets_.size_bytes(); }
  // How many levels have been touched.
  std::size_t levels() const noexcept { return levels_used_.load(std::memory_order_relaxed); }

 private:
  struct alignas(64) Bucket {
    std::array<std::atomic<std::uint64_t>, kWays> low;
    std::array<std::atomic<std::uint64_t>, kWays> high;
    std::array<std::atomic<std::uint64_t>, kWays> words;
    std::array<std::atomic<std::uint32_t>, kWays> limits;
    std::array<std::uint32_t, kWays> unused;
  };
  static_assert(sizeof(Bucket) == kWays * kBytesPerPlace);
  struct Level {
    std::size_t first = 0;  // in buckets_
    std::size_t count = 0;
  };
  struct alignas(64) Latch {
    std::atomic<bool> held = false;
  };
  static constexpr std::uint64_t kBusy = ~std::uint64_t{0};
  static constexpr std::size_t kMostLevels = 16;

  // Where a 32-bit hash says: tables of more than 2^32 buckets, a terabyte, would not be filled evenly.
  Bucket& bucket_at(const Level& level, std::uint64_t hash32) noexcept {
    return buckets_[level.first + static_cast<std::size_t>((hash32 * level.count) >> 32)];
  }
  Bucket& one_of(const Level& level, const LimitKey& key) noexcept {
    return bucket_at(level, key.low & 0xffffffff);
  }
  Bucket& other_of(const Level& level, const LimitKey& key) noexcept {
    return bucket_at(level, key.low >> 32);
  }
  bool put(const LimitKey& key, std::uint32_t limit, std::uint64_t word, std::int64_t now) noexcept;
  static std::optional<Place> find_in(Bucket& bucket, const LimitKey& key) noexcept;
  static bool is_free(std::uint64_t word, std::int64_t now) noexcept;
  static bool fill(Bucket& bucket, const LimitKey& key, std::uint32_t limit, std::uint64_t word,
                   std::int64_t now) noexcept;
  static bool fill_empty(Bucket& bucket, const LimitKey& key, std::uint32_t limit,
                         std::uint64_t word) noexcept;
  void use_level(std::size_t l) noexcept;
  std::size_t filled_buckets() const noexcept;

  SipKey secret_{};
  ZeroedMemory memory_;
  std::span<Bucket> buckets_;
  std::array<Level, kMostLevels> levels_{};
  std::size_t level_count_ = 0;
  std::atomic<std::size_t> levels_used_ = 1;
  std::unique_ptr<std::array<Latch, kShards>> latches_;
};

template <class Use>
std::size_t SharedLimitTable::each(std::size_t first, std::size_t count, Use use) noexcept {
  const std::size_t all = filled_buckets();
  const std::size_t end = count < all - first ? first + count : all;
  for (std::size_t b = first; b < end; ++b) {
    Bucket& bucket = buckets_[b];
    for (std::size_t i = 0; i < kWays; ++i) {
      const std::uint64_t word = bucket.words[i].load(std::memory_order_acquire);
      if (word == 0 || word == kBusy) continue;
      use(Entry{
          {bucket.low[i].load(std::memory_order_relaxed), bucket.high[i].load(std::memory_order_relaxed)},
          bucket.limits[i].load(std::memory_order_relaxed),
          Place(bucket.words[i], word)});
    }
  }
  return end < all ? end : 0;
}

}  // namespace gatehouse::filters
