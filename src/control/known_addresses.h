// The addresses that names of services had, as the state folder keeps them from one start to the next: a
// gateway that starts while DNS is down goes on with them.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace gatehouse::control {

using KnownAddresses = std::map<std::string, std::vector<IpAddress>>;  // by name; never an empty list

inline constexpr std::string_view kAddressesFile = "addresses";
inline constexpr std::size_t kMostNames = 10'000;
inline constexpr std::size_t kMostAddresses = 64;  // of one name

// A line a name: `cat.example 192.0.2.1 2001:db8::1`. What is beyond the bounds is left out.
std::string to_text(const KnownAddresses& known);
// What `to_text` wrote; anything else is an error that says where. Pure.
std::expected<KnownAddresses, std::string> parse_addresses(std::string_view text);

}  // namespace gatehouse::control
