#include "base/error.h"

#include <array>
#include <cstddef>

namespace gatehouse {
namespace {

using enum Errc;
using enum Severity;

constexpr std::array kTable = {
    ErrcInfo{malformed_request, "malformed_request", 400, info, "Malformed request"},
    ErrcInfo{header_conflict, "header_conflict", 400, info, "Contradictory request headers"},
    ErrcInfo{uri_too_long, "uri_too_long", 414, info, "Request target too long"},
    ErrcInfo{head_too_large, "head_too_large", 431, info, "Request header fields too large"},
    ErrcInfo{body_too_large, "body_too_large", 413, info, "Request body too large"},
    ErrcInfo{version_not_supported, "version_not_supported", 505, info, "HTTP version not supported"},
    ErrcInfo{bad_path, "bad_path", 400, info, "Request path not acceptable"},
    ErrcInfo{client_timeout, "client_timeout", 408, info, "Request not completed in time"},
    ErrcInfo{client_too_slow, "client_too_slow", 408, info, "Request below the minimum rate"},
    ErrcInfo{client_closed, "client_closed", 0, info, "Client closed the connection"},
    ErrcInfo{too_many_hops, "too_many_hops", 508, warning, "Loop detected"},
    ErrcInfo{misdirected, "misdirected", 421, info, "Misdirected request"},
    ErrcInfo{no_route, "no_route", 404, info, "No route"},
    ErrcInfo{method_not_allowed, "method_not_allowed", 405, info, "Method not allowed"},
    ErrcInfo{denied, "denied", 403, info, "Access denied"},
    ErrcInfo{origin_denied, "origin_denied", 403, info, "Origin not allowed"},
    ErrcInfo{unauthorized, "unauthorized", 401, info, "Credentials required"},
    ErrcInfo{conflicting_credentials, "conflicting_credentials", 400, info, "Contradictory credentials"},
    ErrcInfo{token_malformed, "token_malformed", 401, info, "Token not accepted"},
    ErrcInfo{token_algorithm, "token_algorithm", 401, info, "Token not accepted"},
    ErrcInfo{token_type, "token_type", 401, info, "Token not accepted"},
    ErrcInfo{token_issuer, "token_issuer", 401, info, "Token not accepted"},
    ErrcInfo{token_audience, "token_audience", 401, info, "Token not accepted"},
    ErrcInfo{token_expired, "token_expired", 401, info, "Token not accepted"},
    ErrcInfo{token_not_yet_valid, "token_not_yet_valid", 401, info, "Token not accepted"},
    ErrcInfo{token_bound, "token_bound", 401, info, "Token not accepted"},
    ErrcInfo{token_unknown_key, "token_unknown_key", 401, info, "Token not accepted"},
    ErrcInfo{token_signature, "token_signature", 401, info, "Token not accepted"},
    ErrcInfo{api_key_unknown, "api_key_unknown", 401, info, "API key not accepted"},
    ErrcInfo{api_key_expired, "api_key_expired", 401, info, "API key not accepted"},
    ErrcInfo{insufficient, "insufficient", 403, info, "Credentials not sufficient"},
    ErrcInfo{too_many_bad_tokens, "too_many_bad_tokens", 429, warning, "Too many bad tokens"},
    ErrcInfo{rate_limited, "rate_limited", 429, info, "Too many requests"},
    ErrcInfo{identity_undecided, "identity_undecided", 503, warning, "Identity could not be established"},
    ErrcInfo{saturated, "saturated", 503, warning, "Service saturated"},
    ErrcInfo{shutting_down, "shutting_down", 503, info, "Gateway is shutting down"},
    ErrcInfo{out_of_resources, "out_of_resources", 503, error, "Gateway out of resources"},
    ErrcInfo{internal, "internal", 500, error, "Internal error"},
    ErrcInfo{connect_refused, "connect_refused", 503, warning, "Service refused the connection"},
    ErrcInfo{connect_timeout, "connect_timeout", 503, warning,
             "Service did not accept the connection in time"},
    ErrcInfo{name_not_resolved, "name_not_resolved", 503, warning, "Service name not resolved"},
    ErrcInfo{upstream_timeout, "upstream_timeout", 504, warning, "Service did not answer in time"},
    ErrcInfo{deadline_exceeded, "deadline_exceeded", 504, warning, "Deadline exceeded"},
    ErrcInfo{upstream_reset, "upstream_reset", 502, warning, "Service reset the connection"},
    ErrcInfo{upstream_closed, "upstream_closed", 502, warning, "Service closed the connection"},
    ErrcInfo{upstream_malformed, "upstream_malformed", 502, warning, "Service sent a malformed response"},
    ErrcInfo{upstream_truncated, "upstream_truncated", 502, warning, "Service cut its response short"},
    ErrcInfo{upstream_idle, "upstream_idle", 504, warning, "Service stopped sending"},
    ErrcInfo{tunnel_idle, "tunnel_idle", 504, info, "Nothing moved in the tunnel"},
    ErrcInfo{upstream_tls, "upstream_tls", 502, warning, "TLS with the service failed"},
    ErrcInfo{upstream_certificate, "upstream_certificate", 502, error,
             "Certificate of the service not accepted"},
    ErrcInfo{io_closed, "io_closed", 502, info, "Connection closed"},
    ErrcInfo{io_reset, "io_reset", 502, info, "Connection reset"},
    ErrcInfo{io_timeout, "io_timeout", 504, info, "Time-out"},
    ErrcInfo{io_refused, "io_refused", 503, info, "Connection refused"},
    ErrcInfo{io_unreachable, "io_unreachable", 503, info, "Destination unreachable"},
    ErrcInfo{io_no_descriptors, "io_no_descriptors", 503, error, "Out of file descriptors"},
    ErrcInfo{io_failed, "io_failed", 502, warning, "Input or output failed"},
    ErrcInfo{tls_failed, "tls_failed", 502, info, "TLS failed"},
    ErrcInfo{tls_certificate, "tls_certificate", 502, info, "Certificate not accepted"},
    ErrcInfo{tls_not_tls, "tls_not_tls", 502, info, "Not TLS"},
    ErrcInfo{cancelled, "cancelled", 0, debug, "Cancelled"},
};

static_assert(kTable.size() == static_cast<std::size_t>(last_));
static_assert([] {
  for (std::size_t i = 0; i < kTable.size(); ++i)
    if (static_cast<std::size_t>(kTable[i].code) != i) return false;
  return true;
}());

}  // namespace

const ErrcInfo& errc_info(Errc code) noexcept {
  auto i = static_cast<std::size_t>(code);
  return kTable[i < kTable.size() ? i : static_cast<std::size_t>(internal)];
}

std::span<const ErrcInfo> errc_table() noexcept { return kTable; }

}  // namespace gatehouse
