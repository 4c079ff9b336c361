// Addresses, hosts and URLs of the language.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>

#include "config/values.h"

namespace gatehouse::config {

namespace {

constexpr std::uint8_t kMappedBits = 96;  // where an IPv4 address begins in its IPv6 form

struct Address {
  std::array<std::uint8_t, 16> bytes{};
  bool v4 = false;
};

std::optional<Address> parse_address(std::string_view text) {
  const std::string copy(text);
  if (copy.size() != std::strlen(copy.c_str())) return std::nullopt;
  Address address;
  if (inet_pton(AF_INET, copy.c_str(), address.bytes.data() + 12) == 1) {
    address.bytes[10] = address.bytes[11] = 0xff;
    address.v4 = true;
    return address;
  }
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

void clear_host_bits(std::array<std::uint8_t, 16>& bytes, std::uint8_t bits) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t kept = std::min<std::size_t>(8, bits > i * 8 ? bits - i * 8 : 0);
    bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00U >> kept));
  }
}

bool is_mapped(const Cidr& cidr) {
  constexpr std::array<std::uint8_t, 12> kPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return cidr.bits >= kMappedBits && std::equal(kPrefix.begin(), kPrefix.end(), cidr.address.begin());
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > 253 || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != std::string_view::npos) return false;
  // Piece by piece, because a name is shorter than a host may be.
  for (; !text.empty(); text.remove_prefix(std::min<std::size_t>(text.size(), 100)))
    if (!is_name(text.substr(0, 100), true)) return false;
  return true;
}

// What is wrong with `host` as a name; empty if nothing is.
std::string trouble_with_host(std::string_view host) {
  if (host.find('/') != std::string_view::npos) return "Write the host alone, without scheme and path";
  if (std::ranges::any_of(host, [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
    return "Write an international name in its `xn--` form";
  }
  if (!host.empty() && host.back() == '.') return "Leave the final dot away";
  const std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(':') == colon) {
    return fmt::format("Write `{}`; the port is the listener's", host.substr(0, colon));
  }
  if (is_address(host)) return fmt::format("Write `[{}]`", host);
  return {};
}

Parsed<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_integer(text);
  if (!port || *port < 1 || *port > 65535)
    return complain(fmt::format("`{}` is no port", text), "Write a number from 1 to 65535");
  return static_cast<std::uint16_t>(*port);
}

// `host`, `host:port`, `[v6]`, `[v6]:port`.
Parsed<UrlSpec> parse_authority(std::string_view text, std::uint16_t default_port) {
  UrlSpec url;
  url.port = default_port;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return complain(fmt::format("`{}` lacks the closing `]`", text));
    url.host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    if (!is_address(url.host)) return complain(fmt::format("`{}` is no IPv6 address", url.host));
  } else {
    const std::size_t colon = text.find(':');
    url.host = lower_case(text.substr(0, colon));
    rest = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
    if (url.host.empty()) return complain("the URL has no host", "Write for example `http://users:8080`");
    if (is_address(text) && colon != std::string_view::npos) {
      return complain("an IPv6 address in a URL stands in brackets",
                      fmt::format("Write `http://[{}]`", text));
    }
    if (!is_host_name(url.host))
      return complain(fmt::format("`{}` is no host name", url.host), trouble_with_host(url.host));
  }
  if (rest.empty()) return url;
  if (!rest.starts_with(':')) return complain(fmt::format("`{}` after the host", rest));
  const auto port = parse_port(rest.substr(1));
  if (!port) return std::unexpected(port.error());
  url.port = *port;
  return url;
}

}  // namespace

bool is_address(std::string_view text) noexcept { return parse_address(text).has_value(); }

bool is_host(std::string_view text) noexcept {
  if (text.starts_with('['))
    return text.ends_with(']') && text.size() > 2 && is_address(text.substr(1, text.size() - 2));
  return is_host_name(text);
}

Parsed<Cidr> parse_cidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) {
    return complain(fmt::format("`{}` is no address and no address block", text),
                    "Write for example `10.0.0.0/8`, `192.168.1.7` or `fd00::/8`");
  }
  Cidr cidr{address->bytes, 128};
  if (slash == std::string_view::npos) return cidr;
  const std::string_view prefix = text.substr(slash + 1);
  const auto bits = parse_integer(prefix);
  const std::int64_t most = address->v4 ? 32 : 128;
  if (!bits || *bits < 0 || *bits > most ||
      !std::ranges::all_of(prefix, [](char c) { return c >= '0' && c <= '9'; })) {
    return complain(fmt::format("`{}` has no prefix length between 0 and {}", text, most));
  }
  cidr.bits = static_cast<std::uint8_t>(*bits + (address->v4 ? kMappedBits : 0));
  clear_host_bits(cidr.address, cidr.bits);
  if (cidr.address != address->bytes) {
    return complain(fmt::format("`{}` has bits beyond its prefix", text),
                    fmt::format("Write `{}`", show_cidr(cidr)));
  }
  return cidr;
}

std::string show_cidr(const Cidr& cidr) {
  char text[INET6_ADDRSTRLEN] = {};
  const bool v4 = is_mapped(cidr);
  inet_ntop(v4 ? AF_INET : AF_INET6, cidr.address.data() + (v4 ? 12 : 0), text, sizeof text);
  const int bits = cidr.bits - (v4 ? kMappedBits : 0);
  return cidr.bits == 128 ? std::string(text) : fmt::format("{}/{}", text, bits);
}

bool overlap(const Cidr& a, const Cidr& b) noexcept {
  const std::uint8_t bits = std::min(a.bits, b.bits);
  auto left = a.address;
  auto right = b.address;
  clear_host_bits(left, bits);
  clear_host_bits(right, bits);
  return left == right;
}

Parsed<UrlSpec> parse_service_url(std::string_view text) {
  if (text.starts_with("unix:")) {
    UrlSpec url;
    url.unix_path = text.substr(5);
    url.port = 0;
    if (!url.unix_path.starts_with('/'))
      return complain("a unix socket needs its whole path", "Write for example `unix:/run/app.sock`");
    if (url.unix_path.size() > 107) return complain("the path of a unix socket has at most 107 bytes");
    return url;
  }
  const std::size_t mark = text.find("://");
  const std::string scheme =
      mark == std::string_view::npos ? std::string() : lower_case(text.substr(0, mark));
  for (std::string_view later : {"h2c", "grpc", "grpcs"}) {
    if (scheme == later)
      return complain(fmt::format("`{}://` is not available in this version", later),
                      "Write `http://`, `https://` or `unix:/path`");
  }
  if (scheme.empty()) {
    return complain(fmt::format("`{}` is no URL", text),
                    parse_authority(text, 80)
                        ? fmt::format("Write `http://{}`", text)
                        : "Write for example `http://users:8080` or `unix:/run/app.sock`");
  }
  const bool tls = scheme == "https";
  if (scheme != "http" && !tls)
    return complain(fmt::format("`{}://` is no scheme of a service", scheme),
                    "Write `http://`, `https://` or `unix:/path`");
  std::string_view rest = text.substr(mark + 3);
  if (rest.find('@') != std::string_view::npos)
    return complain("a service's URL holds no user or password",
                    "Set a header with `headers: {request: {set: ...}}`");
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (const std::size_t end = rest.find_first_of("/?#"); end != std::string_view::npos) {
    return complain(
        "a service's URL ends after the host and port",
        fmt::format("Write `{}://{}`; for a path in front add `rewrite: {}/*`", scheme, rest.substr(0, end),
                    rest[end] == '/' ? rest.substr(end, rest.find_first_of("?#") - end) : "/path"));
  }
  auto url = parse_authority(rest, tls ? 443 : 80);
  if (url) url->tls = tls;
  return url;
}

Parsed<WebUrl> parse_web_url(std::string_view text) {
  constexpr std::string_view kUsage = "Write for example `https://id.example.com`";
  const std::size_t mark = text.find("://");
  const std::string scheme =
      mark == std::string_view::npos ? std::string() : lower_case(text.substr(0, mark));
  if (scheme != "http" && scheme != "https")
    return complain(fmt::format("`{}` is no URL of the web", text), std::string(kUsage));
  if (!std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '\\' && c != '"'; }))
    return complain("the URL holds a space or another character that must be encoded", std::string(kUsage));
  const std::string_view rest = text.substr(mark + 3);
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  if (rest.substr(0, end).find('@') != std::string_view::npos)
    return complain("the URL holds a user or password, and they are never sent", "Remove them");
  if (rest.find('#') != std::string_view::npos)
    return complain("the URL has a fragment (`#`), which is never sent", "Remove it");
  const bool tls = scheme == "https";
  if (end == 0) return complain("the URL has no host", std::string(kUsage));
  const auto authority = parse_authority(rest.substr(0, end), tls ? 443 : 80);
  if (!authority) return std::unexpected(authority.error());
  WebUrl url;
  url.host = authority->host;
  url.port = authority->port;
  url.tls = tls;
  url.target = rest.substr(end);
  if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
  return url;
}

bool is_loopback(std::string_view host) noexcept {
  if (host == "localhost") return true;
  const auto address = parse_address(host);
  if (!address) return false;
  const Cidr whole{address->bytes, 128};
  if (is_mapped(whole)) return address->bytes[12] == 127;
  return show_cidr(whole) == "::1";
}

namespace {

// Browsers leave out what the scheme says already.
std::uint16_t default_port(std::string_view scheme) {
  if (scheme == "https" || scheme == "wss") return 443;
  if (scheme == "http" || scheme == "ws") return 80;
  return scheme == "ftp" ? 21 : 0;
}

bool is_scheme(std::string_view text) {
  return !text.empty() && text.front() >= 'a' && text.front() <= 'z' && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
}

// The host as browsers write it, which for IPv6 is the shortest form.
std::string origin_host(const std::string& host) {
  if (host.find(':') == std::string::npos) return host;
  std::array<std::uint8_t, 16> bytes{};
  char text[INET6_ADDRSTRLEN] = {};
  inet_pton(AF_INET6, host.c_str(), bytes.data());
  inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  return fmt::format("[{}]", text);
}

}  // namespace

Parsed<OriginPattern> parse_origin_pattern(std::string_view text) {
  constexpr std::string_view kExample =
      "Write for example `https://shop.example.com` or `https://*.example.com`";
  if (text == "*") return OriginPattern{};
  if (text == "null")
    return complain("`null` is the origin of every sandboxed page and local file, so it names nobody",
                    "Name the origins, or write `*`");
  const std::size_t mark = text.find("://");
  if (mark == std::string_view::npos) {
    const bool host = text.find('/') == std::string_view::npos && !text.empty() &&
                      parse_origin_pattern(fmt::format("https://{}", text)).has_value();
    return complain(fmt::format("`{}` is no origin: it has no scheme", text),
                    host ? fmt::format("Write `https://{}`", text) : std::string(kExample));
  }
  const std::string scheme = lower_case(text.substr(0, mark));
  std::string_view rest = text.substr(mark + 3);
  if (!is_scheme(scheme)) return complain(fmt::format("`{}` is no scheme", scheme), std::string(kExample));
  if (const std::size_t end = rest.find_first_of("/?#@"); end != std::string_view::npos) {
    return complain("an origin is a scheme, a host and perhaps a port, and nothing else",
                    rest[end] == '@' ? std::string(kExample)
                                     : fmt::format("Write `{}://{}`", scheme, rest.substr(0, end)));
  }
  const bool below = rest.starts_with("*.");
  if (below) rest.remove_prefix(2);
  if (rest.find('*') != std::string_view::npos)
    return complain("a wildcard in an origin is its whole first label", std::string(kExample));
  const auto authority = parse_authority(rest, 0);
  if (!authority) return std::unexpected(authority.error());
  if (below && is_address(authority->host))
    return complain(fmt::format("nothing is below the address `{}`", authority->host), std::string(kExample));
  OriginPattern origin;
  origin.kind = below ? OriginPattern::Kind::below : OriginPattern::Kind::exact;
  origin.scheme = scheme + "://";
  origin.host = (below ? "." : "") + origin_host(authority->host);
  if (authority->port != default_port(scheme) && authority->port != 0)
    origin.host += fmt::format(":{}", authority->port);
  return origin;
}

Parsed<HostPattern> parse_host_pattern(std::string_view text) {
  if (text == "*") return HostPattern{};
  const bool wildcard = text.starts_with("*.");
  const std::string_view name = wildcard ? text.substr(2) : text;
  if (!is_host(name) || (wildcard && name.starts_with('['))) {
    std::string hint = trouble_with_host(text);
    if (hint.empty() && name.find('*') != std::string_view::npos)
      hint = "A wildcard is the whole first label: `*.example.com`";
    if (hint.empty()) hint = "Write for example `api.example.com` or `*.example.com`";
    return complain(fmt::format("`{}` is no host", text), std::move(hint));
  }
  return HostPattern{(wildcard ? "." : "") + lower_case(name), wildcard};
}

}  // namespace gatehouse::config
