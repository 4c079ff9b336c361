// What people are told about limits: admin API and `gatehouse limits`. Thread: control.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "filters/limits/limit_key.h"
#include "filters/limits/limit_policy.h"

namespace gatehouse::filters {

inline constexpr std::size_t kTopTalkers = 32;

// All limits, what they let through and refused, and who was refused most of late. As JSON.
std::string show_limits(const LimitPolicy& policy, std::int64_t now);

// What `key` owes to the limits where it owes anything: a user, an address, a claim, a header's value, the
// name of a route. Only to `limit`, where it is given. As JSON.
std::string show_key(const LimitPolicy& policy, std::string_view key, std::string_view limit,
                     std::int64_t now);

struct Forgiven {
  std::string limit;
  std::string shown;  // the key as it may be logged
};
// Forgets what `key` owes; with an empty key what a limit owes that counts everything together. Returns where
// it owed anything.
std::vector<Forgiven> reset_key(const LimitPolicy& policy, std::string_view key, std::string_view limit,
                                std::int64_t now);

}  // namespace gatehouse::filters
