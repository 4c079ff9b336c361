// What an issuer says about itself (OpenID Connect Discovery 1.0, RFC 8414): where its keys are.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include "base/time.h"
#include "config/spec.h"

namespace gatehouse::filters {

inline constexpr std::size_t kMaxDiscoveryBytes = std::size_t{64} * 1024;

// Where the document is by RFC 8414 section 3.1, if `oidc` is where OpenID Connect has it: the well-known
// part stands before the issuer's path, not behind it. `oidc` itself if it is no such URL.
config::WebUrl oauth_metadata_url(const config::WebUrl& oidc);

// The URL of the keys. An error, in words for people: not JSON, another `issuer` than exactly this, a
// `jwks_uri` that is none, or not https (http is good enough on this machine itself).
std::expected<config::WebUrl, std::string> parse_discovery(std::string_view json, std::string_view issuer);

inline constexpr Duration kShortestTtl = 1min;
inline constexpr Duration kLongestTtl = 1h;
// How long what came with these fields is good (RFC 9111 sections 4.2 and 5.2.2): `max-age` less `Age`,
// within the bounds above; the longest where they do not say, the shortest where it must not be stored.
Duration ttl_of(std::string_view cache_control, std::string_view age) noexcept;

}  // namespace gatehouse::filters
