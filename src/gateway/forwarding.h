// Headers on their way through: what a message may not bring along, and what the gateway says instead.
//
// `admit_headers` is the one place that decides which names a client may set. It runs once a request, before
// anything else looks at the headers: one pass over the table, in which header ids do the work.
#pragma once

#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/ip.h"
#include "config/spec.h"
#include "http/message.h"

namespace gatehouse::gateway {

// A request that carries more `Via` entries of ours is in a loop.
inline constexpr unsigned kMaxHops = 8;

struct ClientAddress {
  IpAddress address;          // who asks
  bool from_trusted = false;  // the peer is one of trusted_proxies
};

// Names that only the gateway may set, beyond those of the header table: lower case, for example `x-user`.
// They are removed from requests in every spelling that a service might fold to them.
using ReservedNames = std::span<const std::string_view>;

// Removes from the request
//   - the hop-by-hop fields and all that `Connection` names, and `Expect`, which the gateway answers itself;
//   - what controls framing, and Host: the codec writes its own;
//   - every other spelling of a name that the gateway sets or believes (`X_Forwarded.For`), from whomever it
//   comes;
//   - `reserved`; `Proxy`, which CGI programs mistake for HTTP_PROXY;
//   - from a peer outside `trusted_proxies`: Forwarded, X-Forwarded-*, X-Real-IP, X-Original-URL,
//   X-Rewrite-URL and
//     X-Request-Id.
// From a trusted peer the client is the rightmost address of X-Forwarded-For that is not trusted; the walk
// ends at the first entry that is no address. A Forwarded that does not name the same addresses is removed.
//
// Error: too_many_hops. `arena` is used for a trusted peer's addresses only.
Result<ClientAddress> admit_headers(http::RequestHead& head, std::span<const config::Cidr> trusted_proxies,
                                    const IpAddress& peer, Arena& arena, ReservedNames reserved = {});

// What the gateway says about a request. The views outlive the call to the service.
struct ForwardingInfo {
  std::string_view peer;         // address of who is connected, as text
  std::string_view scheme;       // how the peer reached us
  std::string_view host;         // as received; may be empty
  std::string_view request_id;   // well-formed (trace_context.h)
  std::string_view traceparent;  // likewise
  bool from_trusted = false;
};

// Sets X-Forwarded-For, -Proto and -Host, Forwarded (RFC 7239), X-Request-Id, traceparent and Via. What a
// trusted proxy said is kept: addresses are appended to it, its X-Forwarded-Proto and -Host stand, because it
// stood nearer to the client. The request has been through admit_headers.
void add_forwarding(http::RequestHead& head, const ForwardingInfo& info, Arena& arena);

// Removes from an answer the hop-by-hop fields, all that `Connection` names, and Server and Via, which tell
// strangers what runs behind the gateway. (RFC 9110 section 7.6.3: a gateway may leave Via out of responses.)
void admit_response_headers(http::ResponseHead& head) noexcept;

}  // namespace gatehouse::gateway
