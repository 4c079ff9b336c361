// What a limit counts a request by, and how that is shown to people.
#pragma once

#include <optional>
#include <string_view>

#include "filters/limits/limit_policy.h"
#include "gateway/exchange.h"

namespace gatehouse::filters {

// What a request is counted by. The text is a view of the request or in its arena.
struct CountedBy {
  enum class Kind : std::uint8_t {
    everything,  // the limit has no `per`
    text,        // a user, a claim, a route, a service, the name of an API key
    header,      // which only its sender vouches for
    address      // also of who has none of the above
  };
  Kind kind = Kind::everything;
  std::string_view text{};
  IpAddress address{};  // IPv6: the network of 64 bits
};

// What of a request it may be counted by.
struct Countable {
  const http::RequestHead& request;
  const IpAddress& client;
  const gateway::Identity* identity = nullptr;
  std::string_view route{};  // its name
  std::string_view service{};
};
Countable countable(gateway::Exchange& x);

// `refused`: of a request that was refused before anybody's limits were asked; it is counted by address.
CountedBy counted_by(const LimitUse& use, const Countable& x, bool refused);

// The key of it in the table: a keyed hash of the value, and what sets the limit apart from others.
LimitKey key_of(const LimitUse& use, const CountedBy& counted, const SipKey& secret) noexcept;

// The same for all limits of one request, each value hashed once.
class RequestKeys {
 public:
  RequestKeys(const Countable& x, bool refused, const SipKey& secret) noexcept
      : x_(x), refused_(refused), secret_(secret) {}
  LimitKey of(const LimitUse& use);

 private:
  const Countable x_;
  const bool refused_;
  const SipKey& secret_;
  std::optional<Hash128> user_;
  std::optional<Hash128> address_;
};

// For log and admin API, in the arena: a user, an address, the name of an API key; of a header `#` and 64
// bits of its keyed hash. Empty for everything.
std::string_view shown(const CountedBy& counted, const LimitKey& key, Arena& arena);

}  // namespace gatehouse::filters
