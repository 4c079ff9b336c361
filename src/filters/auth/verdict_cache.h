// Tokens that were found good, with what was read from them, so that a token is verified once and then only
// looked up. Of one worker.
//
// Memory: two pieces that are allocated once. Entries of different sizes lie behind one another in a circle;
// the oldest goes when room is needed, or, if it was used since, moves to the front once more: that is second
// chance (Corbato, 1968) without a hand that has to search, and nothing fragments. The other piece finds
// them, by a hash of a token's last bytes, which are of its signature, under a secret seed: XXH3 is enough
// for that, although it is no cryptographic hash, because entries get in only with a good signature and the
// whole token is compared: who could make hashes collide would have to be the issuer, and would win longer
// searches.
//
// Thread: its worker. Nothing here allocates after the constructor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "jose/key.h"

namespace gatehouse::filters {

class VerdictCache {
 public:
  // What was found, and for how long and for whom that holds.
  struct Verdict {
    std::uint32_t issuer = 0;      // Issuer::number: what it was judged by
    std::uint32_t shape = 0;       // Issuer::shape: what was read from it
    std::uint64_t generation = 0;  // of the ring, when the key was last seen to be in force
    std::int64_t ends = 0;         // seconds since 1970; not good at that second any more
    jose::Thumbprint key{};        // that verified it
  };
  class Entry {
   public:
    Verdict verdict;
    std::string_view token() const noexcept { return {texts(), token_size_}; }
    std::string_view attributes() const noexcept { return {texts() + token_size_, attributes_size_}; }

   private:
    friend class VerdictCache;
    const char* texts() const noexcept { return reinterpret_cast<const char*>(this + 1); }
    std::uint32_t size_ = 0;        // of all of it, in bytes
    std::uint32_t token_size_ = 0;  // 0 = erased
    std::uint32_t attributes_size_ = 0;
    bool used_ = false;
    std::uint64_t hash_ = 0;
  };

  static constexpr std::size_t kLeastBytes = std::size_t{64} * 1024;

  VerdictCache(std::size_t bytes, std::uint64_t seed);

  // Null: it is not there. Valid until the next insert or erase.
  Entry* find(std::string_view token) noexcept;
  void erase(Entry& entry) noexcept;
  // The token is not there yet, and none of the texts is of an entry. Entries that have ended by `now_s` get
  // no second chance. False: it is too large to be kept, an eighth of everything.
  bool insert(std::string_view token, const Verdict& verdict, std::string_view attributes,
              std::int64_t now_s) noexcept;

  std::size_t entries() const noexcept { return entries_; }
  std::size_t bytes() const noexcept { return used_ + index_.size() * sizeof(Slot); }
  std::uint64_t evicted() const noexcept { return evicted_; }

 private:
  // Where an entry lies, in units; 0 = the slot is empty.
  struct Slot {
    std::uint32_t hash = 0;  // its low half: says where the search for it begins
    std::uint32_t place = 0;
  };
  static constexpr std::size_t kUnit = 8;
  static constexpr std::size_t kHashed =
      64;  // 48 bytes of a signature; of 650 bytes it took a tenth of the time

  std::uint64_t hash_of(std::string_view token) const noexcept;

  Entry& at(std::size_t offset) const noexcept;
  std::size_t offset_of(const Entry& e) const noexcept;
  std::size_t gap() noexcept;
  void make_room(std::size_t size, std::int64_t now_s) noexcept;
  void close_end(std::size_t rest) noexcept;
  void drop_oldest(std::int64_t now_s, unsigned& chances) noexcept;
  void link(const Entry& e) noexcept;
  void unlink(const Entry& e) noexcept;
  std::size_t slot_of(const Entry& e) const noexcept;

  std::uint64_t seed_;
  std::vector<Slot> index_;  // a power of two
  std::size_t mask_;
  std::size_t capacity_;
  std::unique_ptr<std::byte[]> memory_;
  std::size_t head_ = 0;  // where the next one goes
  std::size_t tail_ = 0;  // the oldest
  std::size_t end_;       // behind it nothing lies in this round: what comes next did not fit
  std::size_t used_ = 0;  // between them, erased ones included
  std::size_t entries_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace gatehouse::filters
