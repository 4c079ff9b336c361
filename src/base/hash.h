// Hashes for tables and for spreading load; never for secrets or against an attacker who can choose seeds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace gatehouse {

// XXH3, 64 bits. Equal on every machine, so it may decide where things go. Tables that clients fill take a
// seed of the process, so that nobody can send keys that all collide.
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0) noexcept;

// The same (without a seed) of bytes that come in parts.
class Hash64 {
 public:
  Hash64();
  ~Hash64();
  void add(std::string_view bytes) noexcept;
  std::uint64_t value() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// For std::unordered_map with std::equal_to<>: finds by string_view without making a string.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const noexcept { return hash64(s); }
};

}  // namespace gatehouse
