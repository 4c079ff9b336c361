// Tokens that were just found bad for good, so that a flood of one of them costs a hash and no signature.
// Apart from the good ones: a flood of different bad tokens drives out nothing but other bad ones.
//
// Of one worker; a fixed table, where the latest of a place stays. What is kept of a token is half of its
// SHA-256 behind a secret: here nothing is compared with the token itself, so the hash must be one for which
// nobody finds a second token, or a forged one could shut a good one out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "filters/auth/digest.h"
#include "jose/fault.h"

namespace gatehouse::filters {

class RefusedTokens {
 public:
  static constexpr std::size_t kPlaces = 1024;
  static constexpr std::int64_t kSeconds = 30;

  struct Finding {
    jose::Fault fault{};
    std::uint32_t judged_by = 0;   // IssuerSet::number: another configuration may judge otherwise
    std::uint32_t issuer = 0;      // of a bad signature: its index there, and
    std::uint64_t generation = 0;  // the keys it was tried with: others may fit
  };

  RefusedTokens() : places_(kPlaces) {}

  void add(const Digest& token, const Finding& finding, std::int64_t now_s) noexcept;
  // Null: nothing is known of it.
  const Finding* find(const Digest& token, std::int64_t now_s) const noexcept;

 private:
  using Half = std::array<std::uint64_t, 2>;
  struct Place {
    Half token{};
    Finding finding;
    std::int64_t until = INT64_MIN;  // seconds since 1970
  };
  static Half half_of(const Digest& token) noexcept;
  std::vector<Place> places_;
};

}  // namespace gatehouse::filters
