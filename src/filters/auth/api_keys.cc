#include "filters/auth/api_keys.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "config/auth_rules.h"
#include "filters/auth/credential_cut.h"
#include "gateway/condition.h"
#include "http/path.h"

namespace gatehouse::filters {
namespace {

using In = config::ApiKeysSpec::In;

// A digest is as good as random, so its first bytes place it.
std::size_t home_of(const Digest& digest, std::size_t size) noexcept {
  std::uint64_t first;
  std::memcpy(&first, digest.data(), sizeof first);
  return first & (size - 1);
}

}  // namespace

ApiKeys::ApiKeys(const config::ApiKeysSpec& spec, bool named)
    : in_(spec.in), name_(spec.name), send_(spec.send) {
  holders_.resize(spec.keys.size());
  index_.resize(std::bit_ceil(spec.keys.size() * 2 + 1));
  for (std::size_t i = 0; i < holders_.size(); ++i) {
    Holder& h = holders_[i];
    h.user = named ? std::string(config::kApiKeysName) + ":" + spec.keys[i].name : spec.keys[i].name;
    fill(h, spec.keys[i]);
    std::size_t at = home_of(h.digest, index_.size());
    while (index_[at] != 0) at = (at + 1) & (index_.size() - 1);
    index_[at] = static_cast<std::uint32_t>(i) + 1;
  }
}

void ApiKeys::fill(Holder& h, const config::ApiKeySpec& spec) {
  h.digest = spec.sha256;
  h.expires = spec.expires;
  h.disabled = spec.disabled;
  h.texts.push_back(gateway::key_text({.kind = config::ConditionKey::Kind::user, .name = {}}));
  h.texts.push_back(h.user);
  for (const auto& claim : spec.claims) {
    const std::string& name = claim.first;
    const std::string& value = claim.second;
    const auto add = [&](std::string_view v) {
      h.texts.push_back(gateway::key_text({.kind = config::ConditionKey::Kind::claim, .name = name}));
      h.texts.emplace_back(v);
    };
    if (name != "scope") {
      add(value);
      continue;
    }
    std::string_view rest = value;  // as in a token, several in one text
    while (!rest.empty()) {
      const std::string_view one = rest.substr(0, rest.find(' '));
      rest.remove_prefix(std::min(rest.size(), one.size() + 1));
      if (!one.empty()) add(one);
    }
  }
  for (std::size_t i = 0; i + 1 < h.texts.size(); i += 2)  // texts_ moves no more
    h.attributes.push_back({h.texts[i], h.texts[i + 1]});
  h.identity = {
      .user = h.user, .issuer = config::kApiKeysName, .method = "api_key", .attributes = h.attributes};
}

Result<std::optional<std::string_view>> ApiKeys::presented(const http::RequestHead& request,
                                                           Arena& arena) const {
  std::optional<std::string_view> found;
  unsigned count = 0;
  const auto note = [&](std::string_view value) {
    found = value;
    ++count;
  };
  switch (in_) {
    case In::header:
      for (const http::Header& h : request.headers)
        if (h.name.size() == name_.size() && http::iequals(h.name, name_)) note(h.value);
      break;
    case In::query:
      for_each_parameter(request.query, name_, note);
      if (found) found = decode_escapes(*found, arena);
      break;
    case In::cookie:
      if (!request.headers.has(http::HeaderId::cookie)) break;
      for (const http::Header& h : request.headers)
        if (h.id == http::HeaderId::cookie) http::for_each_cookie(h.value, name_, note);
      break;
  }
  if (count > 1)
    return fail(Errc::conflicting_credentials, "the request carries more than one API key", Origin::client);
  return found;
}

Result<const gateway::Identity*> ApiKeys::judge(std::string_view key, Sha256& sha256,
                                                WallTime now) const noexcept {
  const Holder* h = find(sha256(key));
  if (h == nullptr) return fail(Errc::api_key_unknown, "the API key is not known", Origin::client);
  if (h->disabled) return fail(Errc::api_key_expired, "the API key is disabled", Origin::client);
  if (h->expires && now >= *h->expires)
    return fail(Errc::api_key_expired, "the API key has expired", Origin::client);
  return &h->identity;
}

const ApiKeys::Holder* ApiKeys::find(const Digest& digest) const noexcept {
  for (std::size_t at = home_of(digest, index_.size()); index_[at] != 0;
       at = (at + 1) & (index_.size() - 1)) {
    const Holder& h = holders_[index_[at] - 1];
    if (same_digest(h.digest, digest)) return &h;
  }
  return nullptr;
}

void ApiKeys::cut(http::RequestHead& request, bool always, Arena& arena) const {
  const bool send = send_ && !always;
  switch (in_) {
    case In::header:
      // Other spellings that a service would fold to it go in any case: they were not looked at.
      request.headers.remove_if([&](const http::Header& h) {
        if (!http::folds_to(h.name, name_)) return false;
        return !send || !http::iequals(h.name, name_);
      });
      break;
    case In::query: {
      if (send) break;
      request.query = cut_parameter(request.query, name_, arena);
      request.target = arena.concat(request.path, request.query);
      if (!request.headers.has(http::HeaderId::referer)) break;
      for (http::Header& h : request.headers)
        if (h.id == http::HeaderId::referer) h.value = cut_parameter_of_url(h.value, name_, arena);
      break;
    }
    case In::cookie:
      if (send || !request.headers.has(http::HeaderId::cookie)) break;
      for (http::Header& h : request.headers)
        if (h.id == http::HeaderId::cookie) h.value = cut_cookie(h.value, name_, arena);
      request.headers.remove_if(
          [](const http::Header& h) { return h.id == http::HeaderId::cookie && h.value.empty(); });
      break;
  }
}

std::string_view ApiKeys::shown_query(std::string_view query, Arena& arena) const {
  return in_query() ? cut_parameter(query, name_, arena) : query;
}

}  // namespace gatehouse::filters
