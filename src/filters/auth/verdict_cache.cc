#include "filters/auth/verdict_cache.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <new>
#include <type_traits>

#include "base/hash.h"

namespace gatehouse::filters {
namespace {

constexpr std::size_t kIndexShare = 16;  // one part of so many: a slot for every 128 bytes
constexpr unsigned kChances = 16;        // entries that one insert moves at most, so that its cost is bounded
constexpr std::size_t kLargestShare = 8;  // of everything, for one entry

}  // namespace

VerdictCache::VerdictCache(std::size_t bytes, std::uint64_t seed)
    : seed_(seed),
      index_(std::bit_floor(std::max(bytes, kLeastBytes) / kIndexShare / sizeof(Slot))),
      mask_(index_.size() - 1),
      capacity_((std::max(bytes, kLeastBytes) - index_.size() * sizeof(Slot)) / kUnit * kUnit),
      memory_(std::make_unique_for_overwrite<std::byte[]>(capacity_)),  // untouched pages take no memory
      end_(capacity_) {
  static_assert(std::is_trivially_copyable_v<Entry> && alignof(Entry) <= kUnit);
}

VerdictCache::Entry& VerdictCache::at(std::size_t offset) const noexcept {
  return *reinterpret_cast<Entry*>(memory_.get() + offset);
}

std::size_t VerdictCache::offset_of(const Entry& e) const noexcept {
  return static_cast<std::size_t>(reinterpret_cast<const std::byte*>(&e) - memory_.get());
}

std::uint64_t VerdictCache::hash_of(std::string_view token) const noexcept {
  return hash64(token.substr(token.size() - std::min(token.size(), kHashed)), seed_);
}

VerdictCache::Entry* VerdictCache::find(std::string_view token) noexcept {
  const std::uint64_t hash = hash_of(token);
  for (std::size_t i = hash & mask_; index_[i].place != 0; i = (i + 1) & mask_) {
    if (index_[i].hash != static_cast<std::uint32_t>(hash)) continue;
    Entry& e = at((index_[i].place - 1) * kUnit);
    if (e.hash_ != hash || e.token() != token) continue;
    e.used_ = true;
    return &e;
  }
  return nullptr;
}

void VerdictCache::erase(Entry& entry) noexcept {
  unlink(entry);
  entry.token_size_ = 0;  // its memory is freed when it is the oldest
}

bool VerdictCache::insert(std::string_view token, const Verdict& verdict, std::string_view attributes,
                          std::int64_t now_s) noexcept {
  const std::size_t size = (sizeof(Entry) + token.size() + attributes.size() + kUnit - 1) / kUnit * kUnit;
  if (token.empty() || size > capacity_ / kLargestShare) return false;
  make_room(size, now_s);
  auto* e = new (memory_.get() + head_) Entry;
  e->verdict = verdict;
  e->size_ = static_cast<std::uint32_t>(size);
  e->token_size_ = static_cast<std::uint32_t>(token.size());
  e->attributes_size_ = static_cast<std::uint32_t>(attributes.size());
  e->hash_ = hash_of(token);
  auto* texts = reinterpret_cast<char*>(e + 1);
  std::ranges::copy(attributes, std::ranges::copy(token, texts).out);
  head_ += size;
  used_ += size;
  link(*e);
  return true;
}

// Bytes at head_ that are free and in one piece.
std::size_t VerdictCache::gap() noexcept {
  if (used_ == 0) {
    head_ = tail_ = 0;
    end_ = capacity_;
  }
  if (head_ == capacity_) head_ = 0;
  if (head_ > tail_ || used_ == 0) return capacity_ - head_;
  return tail_ - head_;  // 0: full
}

void VerdictCache::make_room(std::size_t size, std::int64_t now_s) noexcept {
  unsigned chances = kChances;
  while (entries_ >= index_.size() / 4 * 3) drop_oldest(now_s, chances);
  for (std::size_t free = gap(); free < size; free = gap()) {
    if (head_ > tail_) {
      close_end(free);
    } else {
      drop_oldest(now_s, chances);
    }
  }
}

void VerdictCache::close_end(std::size_t rest) noexcept {
  end_ = head_;
  used_ += rest;
  head_ = 0;
}

void VerdictCache::drop_oldest(std::int64_t now_s, unsigned& chances) noexcept {
  if (tail_ == end_) {
    used_ -= capacity_ - end_;
    end_ = capacity_;
    tail_ = 0;
    return;
  }
  Entry& e = at(tail_);
  const std::size_t size = e.size_;
  if (e.token_size_ != 0) {
    const bool again = e.used_ && e.verdict.ends > now_s && chances > 0 && head_ <= tail_;
    if (again) {
      --chances;
      const std::size_t slot = slot_of(e);
      e.used_ = false;
      std::memmove(memory_.get() + head_, &e, size);  // downwards, and may overlap
      index_[slot].place = static_cast<std::uint32_t>(head_ / kUnit) + 1;
      head_ += size;
      used_ += size;
    } else {
      unlink(e);
      ++evicted_;
    }
  }
  tail_ += size;
  used_ -= size;
  if (tail_ == capacity_) tail_ = 0;
}

std::size_t VerdictCache::slot_of(const Entry& e) const noexcept {
  const auto place = static_cast<std::uint32_t>(offset_of(e) / kUnit) + 1;
  std::size_t i = e.hash_ & mask_;
  while (index_[i].place != place) i = (i + 1) & mask_;
  return i;
}

void VerdictCache::link(const Entry& e) noexcept {
  std::size_t i = e.hash_ & mask_;
  while (index_[i].place != 0) i = (i + 1) & mask_;
  index_[i] = {static_cast<std::uint32_t>(e.hash_), static_cast<std::uint32_t>(offset_of(e) / kUnit) + 1};
  ++entries_;
}

// Those behind it move up as far as their search allows (Knuth, volume 3, algorithm 6.4 R).
void VerdictCache::unlink(const Entry& e) noexcept {
  std::size_t hole = slot_of(e);
  for (std::size_t i = (hole + 1) & mask_; index_[i].place != 0; i = (i + 1) & mask_) {
    const std::size_t home = index_[i].hash & mask_;
    if (((i - home) & mask_) < ((i - hole) & mask_)) continue;
    index_[hole] = index_[i];
    hole = i;
  }
  index_[hole] = {};
  --entries_;
}

}  // namespace gatehouse::filters
