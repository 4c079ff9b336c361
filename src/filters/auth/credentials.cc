#include "filters/auth/credentials.h"

#include <optional>

namespace gatehouse::filters {
namespace {

using Method = Credentials::Method;

// What follows `Bearer` and its spaces (RFC 6750 section 2.1, scheme in any case). nullopt: another scheme.
std::optional<std::string_view> bearer_token(std::string_view authorization) noexcept {
  constexpr std::string_view kScheme = "bearer";
  const std::string_view scheme = authorization.substr(0, authorization.find(' '));
  if (!http::iequals(scheme, kScheme)) return std::nullopt;
  std::string_view token = authorization.substr(scheme.size());
  while (token.starts_with(' ')) token.remove_prefix(1);
  return token;
}

// Each method: Method::none if the request has no such credentials.
Result<Credentials> by_bearer_token(const AuthPolicy& policy, const http::RequestHead& request) {
  if (policy.issuers.all.empty()) return Credentials{};  // Authorization is the service's own business
  const http::HeaderTable& headers = request.headers;
  if (!headers.has(http::HeaderId::authorization)) return Credentials{};
  const http::Header* only = nullptr;
  for (const http::Header& h : headers) {
    if (h.id != http::HeaderId::authorization) continue;
    if (only != nullptr)
      return fail(Errc::conflicting_credentials, "the request has more than one Authorization header",
                  Origin::client);
    only = &h;
  }
  const auto token = bearer_token(only->value);
  if (!token)
    return fail(Errc::unauthorized, "only bearer tokens are accepted in Authorization", Origin::client);
  return Credentials{Method::bearer_token, *token};
}

Result<Credentials> by_api_key(const AuthPolicy& policy, const http::RequestHead& request, Arena& arena) {
  if (!policy.api_keys) return Credentials{};
  const auto key = policy.api_keys->presented(request, arena);
  if (!key) return std::unexpected(key.error());
  return *key ? Credentials{Method::api_key, **key} : Credentials{};
}

}  // namespace

Result<Credentials> credentials_of(const AuthPolicy& policy, const http::RequestHead& request, Arena& arena) {
  auto found = by_bearer_token(policy, request);
  if (found && found->method == Method::none) found = by_api_key(policy, request, arena);
  return found;
}

}  // namespace gatehouse::filters
