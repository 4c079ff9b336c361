#include "control/admin_access.h"

#include <algorithm>

#include "base/ip.h"
#include "http/path.h"

namespace gatehouse::control {
namespace {

constexpr std::string_view kBearer = "bearer ";

std::string_view bearer(std::string_view authorization) noexcept {
  if (authorization.size() <= kBearer.size() ||
      !http::iequals(authorization.substr(0, kBearer.size()), kBearer))
    return {};
  authorization.remove_prefix(kBearer.size());
  while (!authorization.empty() && authorization.front() == ' ') authorization.remove_prefix(1);
  return authorization;
}

bool known_host(std::string_view host, const config::AdminSpec& admin) noexcept {
  host = http::host_without_port(host);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (parse_ip(host) || http::iequals(host, "localhost")) return true;
  return std::ranges::any_of(admin.hosts, [host](const std::string& h) { return http::iequals(host, h); });
}

}  // namespace

bool equal_in_constant_time(std::string_view given, std::string_view expected) noexcept {
  if (expected.empty()) return false;
  volatile unsigned difference = given.size() == expected.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    auto a = static_cast<unsigned char>(given[i]);
    auto b = static_cast<unsigned char>(expected[i % expected.size()]);
    difference = difference | static_cast<unsigned>(a ^ b);
  }
  return difference == 0;
}

std::string_view refuse_browser(const http::RequestHead& head, const config::AdminSpec& admin) noexcept {
  if (head.headers.has(http::HeaderId::origin)) return "requests of web pages (with `Origin`) are not served";
  // No Host at all is HTTP/1.0, which no browser speaks.
  if (!head.host.empty() && !known_host(head.host, admin))
    return "the Host is neither an address, `localhost` nor in `admin.hosts`";
  return {};
}

std::optional<std::string> who_is(const http::RequestHead& head, const config::AdminSpec& admin,
                                  std::string_view random_token) {
  std::size_t credentials = 0;
  for (const auto& h : head.headers)
    if (h.id == http::HeaderId::authorization) ++credentials;
  if (credentials != 1) return std::nullopt;
  std::string_view given = bearer(head.headers.value(http::HeaderId::authorization));
  std::optional<std::string> who;
  if (equal_in_constant_time(given, admin.token.empty() ? random_token : admin.token.reveal())) who = "admin";
  for (const auto& named : admin.tokens)
    if (equal_in_constant_time(given, named.token.reveal()) && !who) who = named.name;
  return who;
}

}  // namespace gatehouse::control
