// The signature algorithms of RFC 7518 section 3 and RFC 8037 that Gatehouse knows. `none` is not one of
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gatehouse::jose {

enum class Algorithm : std::uint8_t {
  rs256,
  rs384,
  rs512,
  ps256,
  ps384,
  ps512,
  es256,
  es384,
  es512,
  eddsa,  // Ed25519 only
  hs256,
  hs384,
  hs512,
};

inline constexpr std::size_t kAlgorithms = 13;

// A value of one word: copy it.
class AlgorithmSet {
 public:
  constexpr AlgorithmSet() noexcept = default;
  static constexpr AlgorithmSet asymmetric() noexcept { return AlgorithmSet((1U << 10U) - 1U); }
  static constexpr AlgorithmSet symmetric() noexcept { return AlgorithmSet(0b111U << 10U); }

  constexpr void insert(Algorithm algorithm) noexcept {
    bits_ = static_cast<std::uint16_t>(bits_ | bit(algorithm));
  }
  [[nodiscard]] constexpr bool contains(Algorithm algorithm) const noexcept {
    return (bits_ & bit(algorithm)) != 0;
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  // What is in both.
  friend constexpr AlgorithmSet operator&(AlgorithmSet a, AlgorithmSet b) noexcept {
    return AlgorithmSet(static_cast<unsigned>(a.bits_ & b.bits_));
  }
  friend constexpr bool operator==(AlgorithmSet, AlgorithmSet) noexcept = default;

 private:
  constexpr explicit AlgorithmSet(unsigned bits) noexcept : bits_(static_cast<std::uint16_t>(bits)) {}
  static constexpr unsigned bit(Algorithm algorithm) noexcept {
    return 1U << static_cast<unsigned>(algorithm);
  }
  std::uint16_t bits_ = 0;
};

// By the name in `alg`, letter for letter: "RS256". Never for `none`, in any spelling.
std::optional<Algorithm> algorithm_named(std::string_view name) noexcept;
std::string_view name_of(Algorithm algorithm) noexcept;
// Whether who can verify can also sign: HS256, HS384, HS512.
bool is_symmetric(Algorithm algorithm) noexcept;

}  // namespace gatehouse::jose
