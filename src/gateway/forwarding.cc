#include "gateway/forwarding.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "http/characters.h"

namespace gatehouse::gateway {
namespace {

using http::Header;
using http::HeaderId;
using http::HeaderTable;

constexpr std::string_view kPseudonym = "gatehouse";

bool in_any(const IpAddress& ip, std::span<const config::Cidr> networks) noexcept {
  return std::ranges::any_of(networks,
                             [&](const config::Cidr& c) { return in_network(ip, c.address, c.bits); });
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && http::is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && http::is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// ---- what may not come in --------------------------------------------------------------------------------

// Whether a name that the table does not know may be another spelling of one that it does: it begins like
// one, and not all of it is letters, digits and '-'. The first letter alone lets most names go; a test holds
// it against the table.
bool may_fold(std::string_view name) noexcept {
  switch (http::to_lower(name.empty() ? 'x' : name.front())) {
    case 'c':  // content-length
    case 'k':  // keep-alive
    case 'p':  // proxy-...
    case 't':  // transfer-encoding
    case 'x': break;
    default: return false;
  }
  return !std::ranges::all_of(name, [](char c) { return http::is(c, http::kAlnum) || c == '-'; });
}

// Which names of the table a request may not bring along.
unsigned refused_policies(bool trusted) noexcept {
  const unsigned always = http::kHopByHop | http::kFraming | http::kSetByGateway;
  return trusted ? always & ~unsigned{http::kSetByGateway} : always;
}

class RequestFilter {
 public:
  RequestFilter(bool trusted, ReservedNames reserved) noexcept
      : refused_(refused_policies(trusted)),
        reserved_(reserved),
        reserves_known_(std::ranges::any_of(
            reserved, [](std::string_view r) { return http::header_id(r) != HeaderId::other; })) {}

  bool operator()(const Header& h) const noexcept {
    if (h.id == HeaderId::other) return refuses_other(h.name);
    switch (h.id) {
      case HeaderId::host:
      case HeaderId::expect:
      case HeaderId::proxy: return true;
      default:
        return (http::header_info(h.id).policy & refused_) != 0 || (reserves_known_ && is_reserved(h.name));
    }
  }

 private:
  bool refuses_other(std::string_view name) const noexcept {
    if (may_fold(name)) [[unlikely]] {
      constexpr unsigned ours = http::kHopByHop | http::kFraming | http::kSetByGateway | http::kForwarding;
      if (http::header_info(http::folded_id(name)).policy & ours) return true;
    }
    return is_reserved(name);
  }
  bool is_reserved(std::string_view name) const noexcept {
    return std::ranges::any_of(reserved_, [&](std::string_view r) { return http::folds_to(name, r); });
  }

  unsigned refused_;
  ReservedNames reserved_;
  bool reserves_known_;  // names of the table, such as X-Forwarded-User: from whomever they come
};

// `keep-alive`, in two words: what nearly every Connection says.
bool says_keep_alive(std::string_view value) noexcept {
  constexpr std::string_view text = "keep-alive";
  if (value.size() != text.size()) return false;
  auto differs = [&](std::size_t at) {
    std::uint64_t given;
    std::uint64_t wanted;
    std::memcpy(&given, value.data() + at, sizeof given);
    std::memcpy(&wanted, text.data() + at, sizeof wanted);
    return ((given | 0x2020202020202020) ^ wanted) != 0;  // no control that would pass for a '-' gets here
  };
  return !differs(0) && !differs(text.size() - 8);
}

// Most Connection fields name nothing but themselves; only the others cost a second pass.
bool connection_names_fields(const HeaderTable& headers) noexcept {
  bool names = false;
  for (const Header& h : headers) {
    if (h.id != HeaderId::connection || says_keep_alive(h.value)) continue;
    http::for_each_list_item(h.value, [&](std::string_view item) {
      bool hop_by_hop = (http::header_info(http::header_id(item)).policy & http::kHopByHop) != 0;
      names = names || !(hop_by_hop || http::iequals(item, "close"));
    });
  }
  return names;
}

void remove_named_by_connection(HeaderTable& headers) noexcept {
  if (headers.has(HeaderId::connection) && connection_names_fields(headers)) http::remove_hop_by_hop(headers);
}

// `1.1 gatehouse`, `HTTP/1.1 gatehouse (comment)`
bool names_us(std::string_view via_entry) noexcept {
  std::size_t space = via_entry.find_first_of(" \t");
  if (space == via_entry.npos) return false;
  std::string_view by = trimmed(via_entry.substr(space));
  return by.substr(0, by.find_first_of(" \t(")) == kPseudonym;
}

unsigned hops(const HeaderTable& headers) noexcept {
  if (!headers.has(HeaderId::via)) return 0;
  unsigned n = 0;
  for (const Header& h : headers) {
    if (h.id == HeaderId::via)
      http::for_each_list_item(h.value, [&](std::string_view entry) { n += names_us(entry); });
  }
  return n;
}

// ---- who asks --------------------------------------------------------------------------------------------

// An address as proxies write it: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`,
// `[2001:db8::1]:80`.
std::optional<IpAddress> parse_node(std::string_view text) noexcept {
  if (text.starts_with('[')) {
    std::size_t close = text.find(']');
    if (close == text.npos) return std::nullopt;
    std::string_view port = text.substr(close + 1);
    if (!port.empty() && port.front() != ':') return std::nullopt;
    return parse_ip(text.substr(1, close - 1));
  }
  std::size_t colon = text.find(':');
  if (colon != text.npos && text.find(':', colon + 1) == text.npos) text = text.substr(0, colon);
  return parse_ip(text);
}

using Nodes = std::span<const std::optional<IpAddress>>;

// All entries of X-Forwarded-For, from the client on.
Nodes forwarded_for(const HeaderTable& headers, Arena& arena) {
  std::size_t most = 0;
  for (const Header& h : headers)
    if (h.id == HeaderId::x_forwarded_for)
      most += 1 + static_cast<std::size_t>(std::ranges::count(h.value, ','));
  auto* nodes = arena.make_array<std::optional<IpAddress>>(most);
  std::size_t n = 0;
  for (const Header& h : headers) {
    if (h.id == HeaderId::x_forwarded_for)
      http::for_each_list_item(h.value, [&](std::string_view item) { nodes[n++] = parse_node(item); });
  }
  return {nodes, n};
}

IpAddress rightmost_untrusted(const IpAddress& peer, Nodes nodes,
                              std::span<const config::Cidr> trusted) noexcept {
  IpAddress client = peer;
  for (std::size_t i = nodes.size(); i-- > 0 && nodes[i];) {
    client = *nodes[i];
    if (!in_any(client, trusted)) break;
  }
  return client;
}

// Takes what stands before the next `separator` that is not inside quotes.
std::string_view take_until(std::string_view& text, char separator) noexcept {
  bool quoted = false;
  std::size_t i = 0;
  for (; i < text.size() && (quoted || text[i] != separator); ++i) {
    if (quoted && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      quoted = !quoted;
  }
  i = std::min(i, text.size());
  std::string_view taken = text.substr(0, i);
  text.remove_prefix(std::min(text.size(), i + 1));
  return taken;
}

// The `for` of one element of Forwarded (RFC 7239 section 4); nullopt if there is none, more than one, or no
// address.
std::optional<IpAddress> for_of(std::string_view element) noexcept {
  std::optional<IpAddress> found;
  bool seen = false;
  while (!element.empty()) {
    std::string_view pair = trimmed(take_until(element, ';'));
    std::size_t equals = pair.find('=');
    if (equals == pair.npos || !http::iequals(pair.substr(0, equals), "for")) continue;
    if (std::exchange(seen, true)) return std::nullopt;
    std::string_view value = pair.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    found = parse_node(value);
  }
  return found;
}

// Whether Forwarded names exactly these addresses. What is no address cannot be compared and agrees with
// nothing.
bool forwarded_agrees(const HeaderTable& headers, Nodes nodes) noexcept {
  std::size_t n = 0;
  for (const Header& h : headers) {
    if (h.id != HeaderId::forwarded) continue;
    for (std::string_view list = h.value; !list.empty();) {
      std::string_view element = trimmed(take_until(list, ','));
      if (element.empty()) continue;
      std::optional<IpAddress> node = for_of(element);
      if (!node || n == nodes.size() || nodes[n++] != node) return false;
    }
  }
  return n == nodes.size();
}

// ---- what the gateway says -------------------------------------------------------------------------------

std::string_view via_of(http::Version version) noexcept {
  switch (version) {
    case http::Version::http10: return "1.0 gatehouse";
    case http::Version::http11: return "1.1 gatehouse";
    case http::Version::http2: return "2.0 gatehouse";
  }
  return "1.1 gatehouse";
}

// `item` at the end of the list that the fields of that name make, as one field: many services read only the
// first.
void append(HeaderTable& headers, HeaderId id, std::string_view item, Arena& arena) {
  std::string_view list;
  if (headers.has(id)) {
    for (const Header& h : headers) {
      if (h.id == id && !h.value.empty()) list = list.empty() ? h.value : arena.concat(list, ", ", h.value);
    }
  }
  headers.set(id, list.empty() ? item : arena.concat(list, ", ", item));
}

bool is_token(std::string_view text) noexcept {
  unsigned all = http::kToken;
  for (char c : text) all &= http::kCharacters[static_cast<unsigned char>(c)];
  return all != 0;
}

// RFC 7239 section 4: what is no token is quoted, and an IPv6 address is bracketed first.
std::string_view forwarded_element(const ForwardingInfo& info, Arena& arena) {
  const bool v6 = info.peer.find(':') != info.peer.npos;
  const std::string_view before = v6 ? "for=\"[" : "for=";
  const std::string_view after = v6 ? "]\"" : "";
  if (info.host.empty()) return arena.concat(before, info.peer, after, ";proto=", info.scheme);
  if (is_token(info.host)) {
    const std::string_view host = v6 ? "]\";host=" : ";host=";
    return arena.concat(before, info.peer, host, info.host, ";proto=", info.scheme);
  }
  if (std::ranges::any_of(info.host, [](char c) { return c == '"' || c == '\\'; })) {  // no valid host
    return arena.concat(before, info.peer, after, ";proto=", info.scheme);
  }
  return arena.concat(before, info.peer, after, ";host=\"", info.host, "\";proto=", info.scheme);
}

}  // namespace

Result<ClientAddress> admit_headers(http::RequestHead& head, std::span<const config::Cidr> trusted_proxies,
                                    const IpAddress& peer, Arena& arena, ReservedNames reserved) {
  HeaderTable& headers = head.headers;
  if (hops(headers) > kMaxHops)
    return fail(Errc::too_many_hops, "the request has passed this gateway too often", Origin::client);
  ClientAddress from{peer, in_any(peer, trusted_proxies)};
  remove_named_by_connection(headers);
  headers.remove_if(RequestFilter(from.from_trusted, reserved));
  if (from.from_trusted && (headers.has(HeaderId::x_forwarded_for) || headers.has(HeaderId::forwarded))) {
    Nodes nodes = forwarded_for(headers, arena);
    from.address = rightmost_untrusted(peer, nodes, trusted_proxies);
    if (!forwarded_agrees(headers, nodes)) headers.remove(HeaderId::forwarded);
  }
  return from;
}

void add_forwarding(http::RequestHead& head, const ForwardingInfo& info, Arena& arena) {
  using enum HeaderId;
  HeaderTable& headers = head.headers;
  const std::string_view element = forwarded_element(info, arena);
  if (info.from_trusted) {
    append(headers, x_forwarded_for, info.peer, arena);
    append(headers, forwarded, element, arena);
    if (!headers.has(x_forwarded_proto)) headers.add(x_forwarded_proto, info.scheme);
    if (!headers.has(x_forwarded_host) && !info.host.empty()) headers.add(x_forwarded_host, info.host);
    headers.remove(x_request_id);
  } else {  // admit_headers has removed what the client had said
    headers.add(x_forwarded_for, info.peer);
    headers.add(forwarded, element);
    headers.add(x_forwarded_proto, info.scheme);
    if (!info.host.empty()) headers.add(x_forwarded_host, info.host);
  }
  headers.add(x_request_id, info.request_id);
  headers.set(traceparent, info.traceparent);
  headers.add(via, via_of(head.version));  // a field more is an entry more (RFC 9110 section 5.3)
}

void admit_response_headers(http::ResponseHead& head) noexcept {
  remove_named_by_connection(head.headers);
  head.headers.remove_if([](const Header& h) {
    return h.id == HeaderId::server || h.id == HeaderId::via ||
           (http::header_info(h.id).policy & http::kHopByHop) != 0;
  });
}

}  // namespace gatehouse::gateway
