// Who was refused most often of late: a bounded list a worker, for people who ask.
//
// "Space saving" (Metwally, Agrawal, El Abbadi, 2005): who is not on a full list takes the place of the one
// with the least, and its count, so that a heavy one is never missed. Counts are halved every minute.
//
// Owner: the registry. A worker notes, control reads. The lock is never waited for by a worker: who finds
// control reading leaves the note out. Only refusals come here.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/siphash.h"

namespace gatehouse::filters {

class SharedTalkers {
 public:
  static constexpr std::size_t kMost = 64;  // a worker
  static constexpr std::size_t kLongestText = 64;
  static constexpr std::int64_t kHalved = 60'000'000'000;  // nanoseconds

  struct Talker {
    std::uint32_t limit = 0;  // SharedLimit::number
    Hash128 key{};
    std::uint64_t refused = 0;
    std::array<char, kLongestText> text{};
    std::uint8_t size = 0;
    std::string_view shown() const noexcept { return {text.data(), size}; }
  };

  explicit SharedTalkers(std::size_t workers)
      : workers_(workers == 0 ? 1 : workers), lists_(std::make_unique<List[]>(workers_)) {}

  void note(std::size_t worker, std::uint32_t limit, const Hash128& key, std::string_view shown,
            std::int64_t now) noexcept {
    List& list = lists_[worker % workers_];
    const std::unique_lock lock(list.mutex, std::try_to_lock);
    if (!lock) return;
    halve(list, now);
    Talker* place = nullptr;
    for (std::size_t i = 0; i < list.count; ++i) {
      Talker& t = list.talkers[i];
      if (t.limit == limit && t.key == key) {
        ++t.refused;
        return;
      }
      if (place == nullptr || t.refused < place->refused) place = &t;
    }
    if (list.count < kMost) {
      place = &list.talkers[list.count++];
      place->refused = 0;
    }
    place->limit = limit;
    place->key = key;
    ++place->refused;
    place->size = static_cast<std::uint8_t>(std::min(shown.size(), kLongestText));
    std::memcpy(place->text.data(), shown.data(), place->size);
  }

  // Of all workers together, the one that was refused most often first.
  std::vector<Talker> top(std::size_t most, std::int64_t now) const {
    std::vector<Talker> all;
    for (std::size_t w = 0; w < workers_; ++w) {
      const std::scoped_lock lock(lists_[w].mutex);
      halve(lists_[w], now);
      for (std::size_t i = 0; i < lists_[w].count; ++i) {
        const Talker& t = lists_[w].talkers[i];
        if (t.refused == 0) continue;
        const auto same = std::ranges::find_if(
            all, [&](const Talker& other) { return other.limit == t.limit && other.key == t.key; });
        if (same == all.end()) {
          all.push_back(t);
        } else {
          same->refused += t.refused;
        }
      }
    }
    std::ranges::sort(all, std::ranges::greater{}, &Talker::refused);
    all.resize(std::min(all.size(), most));
    return all;
  }

 private:
  struct alignas(128) List {
    std::mutex mutex;
    std::size_t count = 0;
    std::int64_t halved = 0;
    std::array<Talker, kMost> talkers{};
  };
  static void halve(List& list, std::int64_t now) noexcept {
    if (now < list.halved + kHalved) return;
    const auto times = list.halved == 0 ? 0 : std::min<std::int64_t>(63, (now - list.halved) / kHalved);
    list.halved = now;
    for (std::size_t i = 0; i < list.count; ++i) list.talkers[i].refused >>= times;
  }
  std::size_t workers_;
  std::unique_ptr<List[]> lists_;
};

}  // namespace gatehouse::filters
