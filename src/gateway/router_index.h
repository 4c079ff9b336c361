// A hash from (scope, text) to a number: hosts, path literals and values of conditions are all found with it.
//
// Only the configuration inserts, so nobody outside can make chains long. One look-up of a text of up to 20
// bytes touches one cache line.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace gatehouse::gateway {

inline std::uint64_t hash_text(std::string_view text) noexcept {
  auto fold = [](std::uint64_t a, std::uint64_t b) {
    auto wide = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(wide) ^ static_cast<std::uint64_t>(wide >> 64);
  };
  constexpr std::uint64_t kA = 0x9e3779b97f4a7c15;
  constexpr std::uint64_t kB = 0xd6e8feb86659fd93;
  const char* p = text.data();
  std::size_t n = text.size();
  std::uint64_t h = kB ^ n;
  std::uint64_t word = 0;
  for (; n > 8; n -= 8, p += 8) {
    std::memcpy(&word, p, 8);
    h = fold(h ^ word, kA);
  }
  word = 0;
  if (n >= 4) {  // the last 4 to 8 bytes, as two words that may overlap
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    std::memcpy(&low, p, 4);
    std::memcpy(&high, p + n - 4, 4);
    word = std::uint64_t{high} << 32 | low;
  } else if (n > 0) {
    word = static_cast<std::uint64_t>(static_cast<unsigned char>(p[0])) << 16 |
           static_cast<std::uint64_t>(static_cast<unsigned char>(p[n / 2])) << 8 |
           static_cast<unsigned char>(p[n - 1]);
  }
  return fold(h ^ word, kA);
}

class TextIndex {
 public:
  static constexpr std::uint32_t kNone = 0;  // values are never 0

  std::uint32_t find(std::uint32_t scope, std::string_view text, std::uint64_t hash) const noexcept {
    if (slots_.empty()) return kNone;
    for (std::uint32_t at = place(scope, hash);; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.value == kNone) return kNone;
      if (slot.scope == scope && slot.size == text.size() && same(slot, text)) return slot.value;
    }
  }
  std::uint32_t find(std::uint32_t scope, std::string_view text) const noexcept {
    return slots_.empty() ? kNone : find(scope, text, hash_text(text));
  }

  // The value of (scope, text), which is `value` if it was not there.
  std::uint32_t insert(std::uint32_t scope, std::string_view text, std::uint32_t value) {
    if (std::uint32_t found = find(scope, text)) return found;
    if (2 * (used_ + 1) > slots_.size()) grow();
    ++used_;
    Slot slot{};
    slot.value = value;
    slot.scope = scope;
    slot.size = static_cast<std::uint32_t>(text.size());
    if (text.size() <= sizeof slot.text) {
      if (!text.empty()) std::memcpy(slot.text, text.data(), text.size());
    } else {
      auto offset = static_cast<std::uint64_t>(long_texts_.size());
      std::memcpy(slot.text, &offset, sizeof offset);
      long_texts_ += text;
    }
    put(slot, hash_text(text));
    return value;
  }
  std::size_t size() const noexcept { return used_; }

 private:
  struct alignas(32) Slot {
    std::uint32_t value;
    std::uint32_t scope;
    std::uint32_t size;
    char text[20];  // the text, or its offset in long_texts_
  };

  std::uint32_t place(std::uint32_t scope, std::uint64_t hash) const noexcept {
    std::uint64_t mixed = (hash ^ scope) * 0x9e3779b97f4a7c15;
    return static_cast<std::uint32_t>(mixed >> 32) & mask_;
  }
  std::string_view text_of(const Slot& slot) const noexcept {
    if (slot.size <= sizeof slot.text) return {slot.text, slot.size};
    std::uint64_t offset = 0;
    std::memcpy(&offset, slot.text, sizeof offset);
    return std::string_view(long_texts_).substr(offset, slot.size);
  }
  bool same(const Slot& slot, std::string_view text) const noexcept {
    return std::memcmp(text_of(slot).data(), text.data(), text.size()) == 0;
  }
  void put(const Slot& slot, std::uint64_t hash) noexcept {
    std::uint32_t at = place(slot.scope, hash);
    while (slots_[at].value != kNone) at = (at + 1) & mask_;
    slots_[at] = slot;
  }
  void grow() {
    std::vector<Slot> old = std::move(slots_);
    slots_ = std::vector<Slot>(old.empty() ? 16 : 2 * old.size());
    mask_ = static_cast<std::uint32_t>(slots_.size() - 1);
    for (const Slot& slot : old)
      if (slot.value != kNone) put(slot, hash_text(text_of(slot)));
  }

  std::vector<Slot> slots_;
  std::uint32_t mask_ = 0;
  std::size_t used_ = 0;
  std::string long_texts_;
};

}  // namespace gatehouse::gateway
