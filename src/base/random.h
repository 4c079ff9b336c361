// Seeded pseudo-random numbers for balancing, jitter and sampling; never for secrets.
#pragma once

#include <cstdint>

namespace gatehouse {

// xoshiro256++ (Blackman, Vigna: "Scrambled linear pseudorandom number generators", 2019). One thread.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept {
    for (auto& s : state_) {  // splitmix64 spreads the seed
      seed += 0x9e3779b97f4a7c15U;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
      s = z ^ (z >> 31);
    }
  }

  std::uint64_t next() noexcept {
    std::uint64_t result = rotl(state_[0] + state_[3], 23) + state_[0];
    std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotl(state_[3], 45);
    return result;
  }
  // Uniform in [0, n); n > 0. Lemire's multiplication; the bias below 2^-32 does not matter here.
  std::uint32_t below(std::uint32_t n) noexcept {
    return static_cast<std::uint32_t>((next() >> 32) * n >> 32);
  }
  double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)

 private:
  static std::uint64_t rotl(std::uint64_t x, int k) noexcept { return (x << k) | (x >> (64 - k)); }
  std::uint64_t state_[4];
};

}  // namespace gatehouse
