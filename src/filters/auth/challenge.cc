#include "filters/auth/challenge.h"

namespace gatehouse::filters {
namespace {

constexpr std::string_view kName = "www-authenticate";
// One realm for all: credentials that are good at one route may be at another. Says nothing of the issuer.
constexpr std::string_view kBearer = R"(Bearer realm="gatehouse")";
// No scheme is registered for API keys; this one is what others call it.
constexpr std::string_view kApiKey = R"(ApiKey realm="gatehouse")";

bool is_about_token(Errc code) noexcept {
  return code >= Errc::token_malformed && code <= Errc::token_signature;
}

std::string_view bearer(const Error& error, const Challenge& challenge, Arena& arena) {
  if (error.code == Errc::insufficient) {
    const std::string_view before = challenge.scope.empty() ? "" : R"(, scope=")";
    const std::string_view after = challenge.scope.empty() ? "" : R"(")";
    return arena.concat(kBearer, R"(, error="insufficient_scope", error_description=")", error.detail, "\"",
                        before, challenge.scope, after);
  }
  if (!is_about_token(error.code)) return kBearer;
  return arena.concat(kBearer, R"(, error="invalid_token", error_description=")", error.detail, "\"");
}

}  // namespace

void add_challenge(const Error& error, const Challenge& challenge, http::HeaderTable& headers, Arena& arena) {
  if (challenge.bearer) headers.add(kName, bearer(error, challenge, arena));
  if (challenge.api_key && error.code != Errc::insufficient) headers.add(kName, kApiKey);
}

}  // namespace gatehouse::filters
