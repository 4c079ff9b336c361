// Checks of `auth`, and what follows from its fields together.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "config/auth_rules.h"
#include "config/finish.h"
#include "config/kinds.h"
#include "config/tables.h"

namespace gatehouse::config {

namespace {

constexpr std::size_t kLeastSecret = 32;  // 256 bits

// RFC 7518, 3.2: a key of HS is no shorter than its hash.
struct Symmetric {
  std::string_view name;
  std::size_t bytes;
};
constexpr Symmetric kSymmetric[] = {{"HS256", 32}, {"HS384", 48}, {"HS512", 64}};
constexpr std::string_view kAsymmetric[] = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                            "PS512", "ES256", "ES384", "ES512", "EdDSA"};
constexpr std::string_view kSharedFields[] = {
    "jwks", "audience", "algs", "typ", "secret", "user", "leeway", "revoked", "keep_removed_keys"};

bool is_symmetric(std::string_view name) { return name.starts_with("HS"); }

bool has(const IssuerSpec& issuer, std::string_view field) {
  return is_written(issuer_table(), issuer.written, field);
}

// Where `field` of an issuer stands: its own, the shared one, or the nearest to it that stands anywhere.
const Node& place_of(const Node& auth, const IssuerSpec& issuer, std::string_view field) {
  const Node* all = auth.find("issuer");
  const Node* own = all != nullptr && all->is_map() ? all->find(issuer.name) : all;
  if (const Node* found = own != nullptr ? own->find(field) : nullptr) return *found;
  const Node* shared = field == "issuer" ? nullptr : auth.find(field);
  if (shared != nullptr) return *shared;
  return own != nullptr && !own->is_null() ? *own : auth;
}

// ---- what stands beside `issuer`
// -------------------------------------------------------------------------------

// What each issuer begins with, for the fields that it does not have itself.
class Shared {
 public:
  explicit Shared(const AuthSpec& auth) : auth_(auth) {}

  void hand_to(IssuerSpec& issuer) const {
    const IssuerSpec& all = auth_.shared;
    if (auth_.issuers.size() == 1) {  // of several it would be nobody's: check_shared
      hand(issuer, "jwks", issuer.jwks, all.jwks);
      hand(issuer, "secret", issuer.secret, all.secret);
    }
    hand(issuer, "audience", issuer.audience, all.audience);
    hand(issuer, "algs", issuer.algs, all.algs);
    hand(issuer, "typ", issuer.typ, all.typ);
    hand(issuer, "user", issuer.user, all.user);
    hand(issuer, "leeway", issuer.leeway, all.leeway);
    hand(issuer, "keep_removed_keys", issuer.keep_removed_keys, all.keep_removed_keys);
    hand(issuer, "revoked", issuer.revoked, all.revoked);
  }

 private:
  template <class T>
  void hand(IssuerSpec& issuer, std::string_view field, T& own, const T& shared) const {
    const Written::Entry* entry = auth_.written.find(find_field(auth_table(), field));
    if (entry == nullptr || has(issuer, field)) return;
    own = shared;
    Written::Entry copy = *entry;
    copy.field = static_cast<std::uint16_t>(find_field(issuer_table(), field));
    issuer.written.entries.push_back(std::move(copy));
  }

  const AuthSpec& auth_;
};

void check_shared(Reader& reader, const Node& node, const AuthSpec& auth) {
  for (std::string_view field : kSharedFields) {
    const Node* found = node.find(field);
    if (found == nullptr) continue;
    if (auth.issuers.empty() && node.find("issuer") == nullptr) {
      reader.error(*found, fmt::format("`{}` is of an issuer, and none is named", field),
                   "Write `issuer: https://id.example.com` beside it");
    } else if (auth.issuers.size() > 1 && (field == "jwks" || field == "secret")) {
      reader.error(*found, fmt::format("`{}` beside several issuers: whose is it?", field),
                   fmt::format("Write it below its issuer: `issuer: {{{}: {{issuer: ..., {}: ...}}}}`",
                               auth.issuers.front().name, field));
    }
  }
}

// ---- one issuer
// ------------------------------------------------------------------------------------------------

Parsed<WebUrl> discovery_of(std::string_view issuer) {
  auto url = parse_web_url(issuer);
  if (!url && (issuer.starts_with("http://") || issuer.starts_with("https://"))) return url;
  if (!url)
    return complain(
        fmt::format("`{}` is no https URL, and no `jwks` or `secret` says what its keys are", issuer),
        "Write its URL, or `jwks: URL or FILE`");
  if (!url->tls && !is_loopback(url->host))
    return complain("keys that come over `http` can be replaced by whoever sits between",
                    fmt::format("Write `https://{}`, or give its keys with `jwks: FILE`", url->host));
  if (url->target.find('?') != std::string::npos)
    return complain("the URL of an issuer has no query", "Remove it, or give its keys with `jwks: URL`");
  if (url->target.ends_with('/')) url->target.pop_back();
  url->target += "/.well-known/openid-configuration";
  return url;
}

void find_keys(Reader& reader, const Node& auth, IssuerSpec& issuer) {
  if (has(issuer, "jwks") && has(issuer, "secret")) {
    reader.error(place_of(auth, issuer, "secret"),
                 fmt::format("issuer `{}` has both `jwks` and `secret`", issuer.name),
                 "Keep one of them; who verifies with a `secret` could sign with it, too");
    return;
  }
  if (has(issuer, "jwks") || has(issuer, "secret")) return;
  auto url = discovery_of(issuer.issuer);
  if (!url) return reader.refuse(place_of(auth, issuer, "issuer"), "issuer", "an https URL", url.error());
  url->shown = issuer.shown;
  issuer.discovery = std::move(*url);
}

// Never says how long the secret is, only that it is too short.
bool check_secret(Reader& reader, const Node& auth, const IssuerSpec& issuer) {
  const Node& node = place_of(auth, issuer, "secret");
  if (node.holds_failure() || !node.is_scalar()) return false;  // reported already
  if (issuer.secret.reveal().size() >= kLeastSecret) return true;
  reader.error(node, "`secret` is shorter than 256 bits, so it could be guessed from one token",
               "Make one with `openssl rand -base64 48`, and give it as `$NAME` or `file:/path`");
  return false;
}

void resolve_symmetric(Reader& reader, const Node& auth, IssuerSpec& issuer) {
  if (!check_secret(reader, auth, issuer)) return;
  const std::size_t bytes = issuer.secret.reveal().size();
  const Node& node = place_of(auth, issuer, "algs");
  if (!has(issuer, "algs")) {
    for (const Symmetric& known : kSymmetric)
      if (bytes >= known.bytes) issuer.algs.emplace_back(known.name);
    return;
  }
  for (const std::string& name : issuer.algs) {
    if (!is_symmetric(name)) {
      reader.refuse(
          node, "algs", "algorithms of a secret",
          {fmt::format("`{}` does not go with `secret`: its keys are public, and a public key must never "
                       "pass for a secret",
                       name),
           "Write `HS256`, `HS384` or `HS512`, or `jwks` instead of `secret`"});
      return;
    }
    const auto known = std::ranges::find(kSymmetric, std::string_view(name), &Symmetric::name);
    if (known == std::end(kSymmetric) || bytes >= known->bytes) continue;
    reader.refuse(node, "algs", "algorithms that the secret is long enough for",
                  {fmt::format("`{}` needs a secret of at least {} bits", name, known->bytes * 8),
                   "Write `HS256`, or make a longer secret"});
    return;
  }
}

void resolve_algorithms(Reader& reader, const Node& auth, IssuerSpec& issuer) {
  if (has(issuer, "secret")) return resolve_symmetric(reader, auth, issuer);
  if (!has(issuer, "algs")) {
    issuer.algs.assign(std::begin(kAsymmetric), std::end(kAsymmetric));
    return;
  }
  const auto symmetric = std::ranges::find_if(issuer.algs, is_symmetric);
  if (symmetric == issuer.algs.end()) return;
  reader.refuse(place_of(auth, issuer, "algs"), "algs", "algorithms of public keys",
                {fmt::format("`{}` needs a `secret`", *symmetric),
                 "Write `secret: $NAME`, or an algorithm of public keys such as `ES256`"});
}

void finish_issuer(Reader& reader, const Node& auth, IssuerSpec& issuer) {
  if (std::string_view(issuer.name) == kApiKeysName ||
      std::ranges::find(mode_words(), std::string_view(issuer.name)) != mode_words().end()) {
    reader.error(
        issuer.at,
        fmt::format("an issuer cannot be called `{}`, which means something else in `auth`", issuer.name),
        "Give it another name");
  }
  if (!has(issuer, "issuer")) {
    reader.error(issuer.at, fmt::format("issuer `{}` has no `issuer`", issuer.name),
                 "Write what its tokens have in `iss`: `issuer: https://id.example.com`");
    return;
  }
  if (!issuer.issuer.empty()) find_keys(reader, auth, issuer);
  resolve_algorithms(reader, auth, issuer);
  if (!has(issuer, "audience")) {
    reader.warning(issuer.at,
                   fmt::format("any audience is accepted of issuer `{}`: its tokens for other services "
                               "are good here, too",
                               issuer.name),
                   "Write `audience: NAME`, as the issuer puts it in `aud` for this API");
  }
}

// ---- all of it
// -------------------------------------------------------------------------------------------------

// A key that is refused or unknown may well have been the one.
bool all_known(const Node& node) {
  return std::ranges::all_of(node.members, [](const NodeMember& member) {
    const std::size_t index = find_field(auth_table(), member.key.value);
    return index < auth_table().fields.size() && auth_table().fields[index].shape != Shape::later;
  });
}

void check_somebody(Reader& reader, const Node& node, const AuthSpec& auth) {
  const auto attempted = [&](std::string_view field) {
    const Node* found = node.find(field);
    return found != nullptr && found->is_map() && !found->members.empty();
  };
  if (!auth.issuers.empty() || auth.api_keys || attempted("issuer") || !all_known(node)) return;
  if (std::ranges::any_of(kSharedFields,
                          [&](std::string_view field) { return node.find(field) != nullptr; }) &&
      node.find("issuer") == nullptr)
    return;  // check_shared says it
  reader.error(node, "`auth` names nobody who vouches for users, so nobody could get in",
               "Write `auth: {issuer: https://id.example.com}`, or `api_keys`");
}

void same_issuer_twice(Reader& reader, const Node& node, const AuthSpec& auth) {
  std::unordered_map<std::string_view, const IssuerSpec*> seen;
  for (const IssuerSpec& issuer : auth.issuers) {
    if (issuer.issuer.empty()) continue;
    const auto [known, fresh] = seen.try_emplace(issuer.issuer, &issuer);
    if (fresh) continue;
    reader.error(
        place_of(node, issuer, "issuer"),
        fmt::format("issuers `{}` and `{}` have the same `issuer`, so nothing tells their tokens apart",
                    known->second->name, issuer.name),
        "Keep one of them; several audiences are a list: `audience: [a, b]`");
  }
}

void check_key_header(Reader& reader, const Node& node, const AuthSpec& auth) {
  if (!auth.api_keys || auth.api_keys->in != ApiKeysSpec::In::header) return;
  if (std::ranges::find(auth.send, auth.api_keys->name, &SendItem::header) == auth.send.end()) return;
  const Node* send = node.find("send");
  reader.error(
      send != nullptr ? *send : node,
      fmt::format("the header `{}` cannot both carry the API key and tell the user", auth.api_keys->name),
      "Choose another header for one of them");
}

}  // namespace

void finish_auth(Reader& reader, const Node& node, void* object) {
  auto& auth = *static_cast<AuthSpec*>(object);
  check_somebody(reader, node, auth);
  check_shared(reader, node, auth);
  const Shared shared(auth);
  for (IssuerSpec& issuer : auth.issuers) {
    shared.hand_to(issuer);
    finish_issuer(reader, node, issuer);
  }
  same_issuer_twice(reader, node, auth);
  check_key_header(reader, node, auth);
  const Node* require = node.find("require");
  auth.rule.at = require != nullptr ? reader.at(*require) : auth.at;
  auth.rule.text = require != nullptr ? "{require: " + flow_text(*require) + "}" : "required";
}

}  // namespace gatehouse::config
