// `limits` as typed values (rule 8): how many requests are let through, and what they are counted by. See
// spec.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/spec_values.h"

namespace gatehouse::config {

// What a limit counts apart: `per user`, `per claim.org`.
struct LimitBy {
  enum class Kind : std::uint8_t { all, user, ip, key, claim, header, route, service };
  Kind kind = Kind::all;  // all: one count for everything
  std::string name{};     // of a claim, or of a header (lower case)
  friend bool operator==(const LimitBy&, const LimitBy&) = default;
};

// What a request costs.
struct LimitCost {
  enum class From : std::uint8_t {
    fixed,
    request_header,
    response_header  // as many as `units` are held until it is known
  };
  From from = From::fixed;
  std::uint64_t units = 1;  // fixed: the cost; of a header: the most
  std::string header{};     // lower case
  friend bool operator==(const LimitCost&, const LimitCost&) = default;
};

enum class LimitHeaders : std::uint8_t { standard, legacy, both, off };

struct LimitSpec {
  std::string name;  // of a service's or route's own limit: `services.NAME`, `routes.NAME`
  Location at;
  When when;  // empty = always
  Rate rate;
  LimitBy by;
  bool by_given = false;  // else it is what its name means
  LimitCost cost;
  bool dry_run = false;
  LimitHeaders headers = LimitHeaders::standard;
  std::optional<ReplySpec> reply;  // instead of the problem document
  Written written{};
};

// What rule 8 calls `default`: it yields to a limit that is meant for some and counts them apart.
inline constexpr const char* kDefaultLimit = "default";

}  // namespace gatehouse::config
