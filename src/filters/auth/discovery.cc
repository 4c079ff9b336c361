#include "filters/auth/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "config/values.h"
#include "http/header.h"
#include "jose/json_document.h"

namespace gatehouse::filters {
namespace {

constexpr std::string_view kOidc = "/.well-known/openid-configuration";
constexpr std::string_view kOauth = "/.well-known/oauth-authorization-server";

// Digits alone; more than fit count as very long.
std::optional<std::int64_t> seconds(std::string_view text) noexcept {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  if (text.empty() || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  constexpr std::int64_t kLong = 1'000'000'000;
  if (text.size() > 9) return kLong;
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

config::WebUrl oauth_metadata_url(const config::WebUrl& oidc) {
  config::WebUrl url = oidc;
  if (!url.target.ends_with(kOidc)) return url;
  url.target.resize(url.target.size() - kOidc.size());
  url.target.insert(0, kOauth);
  return url;
}

std::expected<config::WebUrl, std::string> parse_discovery(std::string_view json, std::string_view issuer) {
  if (json.size() > kMaxDiscoveryBytes)
    return std::unexpected(fmt::format("it has more than {} bytes", kMaxDiscoveryBytes));
  jose::JsonDocument document;
  if (!document.parse(json)) return std::unexpected("it is not a JSON object, or names a member twice");
  std::string_view named;
  if (document.root().at_key("issuer").get(named)) return std::unexpected("it has no `issuer`");
  if (named != issuer) return std::unexpected("its `issuer` is another one");
  std::string_view uri;
  if (document.root().at_key("jwks_uri").get(uri)) return std::unexpected("it has no `jwks_uri`");
  auto url = config::parse_web_url(uri);
  if (!url) return std::unexpected("its `jwks_uri` is no URL");
  if (!url->tls && !config::is_loopback(url->host)) return std::unexpected("its `jwks_uri` is not https");
  url->shown = uri;
  return std::move(*url);
}

Duration ttl_of(std::string_view cache_control, std::string_view age) noexcept {
  Duration ttl = kLongestTtl;
  bool stored = true;
  http::for_each_list_item(cache_control, [&](std::string_view item) {
    const std::size_t sign = std::min(item.find('='), item.size());
    const std::string_view name = item.substr(0, sign);
    if (http::iequals(name, "no-store") || http::iequals(name, "no-cache")) stored = false;
    if (!http::iequals(name, "max-age") || sign == item.size()) return;
    const auto value = seconds(item.substr(sign + 1));
    ttl = value ? Duration(1s) * *value : kShortestTtl;
  });
  if (!stored) return kShortestTtl;
  if (const auto old = seconds(age)) ttl -= Duration(1s) * *old;
  return std::clamp<Duration>(ttl, kShortestTtl, kLongestTtl);
}

}  // namespace gatehouse::filters
