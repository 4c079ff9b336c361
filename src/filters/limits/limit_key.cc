#include "filters/limits/limit_key.h"

#include <array>

#include "config/auth_rules.h"
#include "http/header.h"

namespace gatehouse::filters {
namespace {

using By = config::LimitBy::Kind;
using Kind = CountedBy::Kind;

std::string_view attribute(const gateway::Identity& identity, std::string_view key) noexcept {
  for (const gateway::Attribute& a : identity.attributes)
    if (a.key == key) return a.value;
  return {};
}

std::string_view header(const http::RequestHead& request, std::string_view name) noexcept {
  for (const http::Header& h : request.headers)
    if (h.name.size() == name.size() && http::iequals(h.name, name)) return h.value;
  return {};
}

std::string_view text_of(const LimitUse& use, const Countable& x) {
  switch (use.by().kind) {
    case By::user: return x.identity ? x.identity->user : std::string_view{};
    case By::claim: return x.identity ? attribute(*x.identity, use.claim) : std::string_view{};
    case By::key:
      return x.identity && x.identity->issuer == config::kApiKeysName ? x.identity->user : std::string_view{};
    case By::header: return header(x.request, use.by().name);
    case By::route: return x.route;
    case By::service: return x.service;
    case By::all:
    case By::ip: break;
  }
  return {};
}

Hash128 hash_of(std::string_view text, const SipKey& secret) noexcept { return SipHash<1, 3>(secret)(text); }

// Under another key than texts, or a user could be called like an address.
Hash128 hash_of(const IpAddress& address, const SipKey& secret) noexcept {
  return SipHash<1, 3>({secret[0], ~secret[1]})(
      {reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()});
}

LimitKey mixed(const Hash128& value, const LimitKey& identity) noexcept {
  return {value.low ^ identity.low, value.high ^ identity.high};
}

}  // namespace

Countable countable(gateway::Exchange& x) {
  return {.request = x.request(),
          .client = x.client(),
          .identity = x.identity(),
          .route = x.route() ? std::string_view(x.route()->name) : std::string_view{},
          .service = x.record().service};
}

CountedBy counted_by(const LimitUse& use, const Countable& x, bool refused) {
  if (use.by().kind == By::all) return {};
  const std::string_view text = refused ? std::string_view{} : text_of(use, x);
  if (text.empty()) return {.kind = Kind::address, .address = network_of(x.client)};
  return {.kind = use.by().kind == By::header ? Kind::header : Kind::text, .text = text};
}

LimitKey key_of(const LimitUse& use, const CountedBy& counted, const SipKey& secret) noexcept {
  if (counted.kind == Kind::everything) return {};
  return mixed(
      counted.kind == Kind::address ? hash_of(counted.address, secret) : hash_of(counted.text, secret),
      use.identity);
}

LimitKey RequestKeys::of(const LimitUse& use) {
  const By by = use.by().kind;
  if (by == By::all) return {};
  if (by != By::ip && !refused_) {
    if (by == By::user && user_) return mixed(*user_, use.identity);
    if (const std::string_view text = text_of(use, x_); !text.empty()) {
      const Hash128 hash = hash_of(text, secret_);
      if (by == By::user) user_ = hash;
      return mixed(hash, use.identity);
    }
  }
  if (!address_) address_ = hash_of(network_of(x_.client), secret_);
  return mixed(*address_, use.identity);
}

std::string_view shown(const CountedBy& counted, const LimitKey& key, Arena& arena) {
  switch (counted.kind) {
    case Kind::everything: return {};
    case Kind::text: return counted.text;
    case Kind::address: {
      auto& text = *arena.make<std::array<char, kMaxIpText>>();
      const std::string_view address = format_ip(counted.address, text);
      return counted.address.is_v4() ? address : arena.concat(address, "/64");
    }
    case Kind::header: {
      auto& text = *arena.make<std::array<char, 17>>();
      text[0] = '#';
      for (unsigned i = 0; i < 16; ++i) text[i + 1] = "0123456789abcdef"[key.high >> (60 - 4 * i) & 15];
      return {text.data(), text.size()};
    }
  }
  return {};
}

}  // namespace gatehouse::filters
