// Errors are values that say what went wrong, who is to blame and what the failed attempt allows.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

namespace gatehouse {

enum class Origin : std::uint8_t { gateway, client, upstream };  // who is to blame

// What a failed attempt at a service allows.
enum class Retry : std::uint8_t {
  never,      // the service may have acted on it
  if_reused,  // a pooled connection died before any byte of the answer: once more on a fresh one
  safe,       // nothing was sent
};

// Every failure a client, a log line or a metric can name. `errc_info` is the one table that maps it to the
// rest.
enum class Errc : std::uint8_t {
  // what a client did
  malformed_request,
  header_conflict,  // two framings, two Hosts, Connection naming what it must not
  uri_too_long,
  head_too_large,
  body_too_large,
  version_not_supported,
  bad_path,
  client_timeout,
  client_too_slow,
  client_closed,
  too_many_hops,
  misdirected,  // to a connection whose certificate is another host's
  // what the gateway decided
  no_route,
  method_not_allowed,
  denied,
  origin_denied,  // a page of this origin may not ask
  unauthorized,   // no credentials
  conflicting_credentials,
  token_malformed,
  token_algorithm,
  token_type,
  token_issuer,
  token_audience,
  token_expired,
  token_not_yet_valid,
  token_bound,  // to a sender who would have to prove more
  token_unknown_key,
  token_signature,
  api_key_unknown,
  api_key_expired,      // or disabled
  insufficient,         // good credentials, but not enough
  too_many_bad_tokens,  // of this address
  rate_limited,
  identity_undecided,  // the keys to judge by could not be had
  saturated,
  shutting_down,
  out_of_resources,
  internal,
  // what a service did
  connect_refused,
  connect_timeout,
  name_not_resolved,
  upstream_timeout,
  deadline_exceeded,
  upstream_reset,
  upstream_closed,
  upstream_malformed,
  upstream_truncated,
  upstream_idle,
  tunnel_idle,
  upstream_tls,          // the TLS handshake failed
  upstream_certificate,  // its certificate was not accepted
  // plain input and output, before anybody is blamed
  io_closed,
  io_reset,
  io_timeout,
  io_refused,
  io_unreachable,
  io_no_descriptors,
  io_failed,
  tls_failed,
  tls_certificate,  // the peer's was not accepted
  tls_not_tls,      // the peer speaks something else
  cancelled,
  last_,
};

enum class Severity : std::uint8_t { debug, info, warning, error };

struct ErrcInfo {
  Errc code;
  std::string_view reason;  // stable label in log, metrics and problem documents
  std::uint16_t
      status;  // what a client gets if no answer has begun; 0 = the connection is closed without one
  Severity severity;
  std::string_view title;  // RFC 9457 `title`
};

// Unknown codes map to `internal`.
const ErrcInfo& errc_info(Errc code) noexcept;
std::span<const ErrcInfo> errc_table() noexcept;

// Never allocates. `detail` is text with static lifetime.
struct Error {
  Errc code = Errc::internal;
  Origin origin = Origin::gateway;
  Retry retry = Retry::never;
  std::string_view detail{};
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(Errc code, std::string_view detail = {},
                                                 Origin origin = Origin::gateway,
                                                 Retry retry = Retry::never) {
  return std::unexpected(Error{code, origin, retry, detail});
}

}  // namespace gatehouse
