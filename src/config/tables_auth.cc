// The tables of `auth`.
#include <algorithm>

#include "config/finish.h"
#include "config/kinds.h"
#include "config/tables.h"

namespace gatehouse::config {

namespace {

constexpr std::int64_t kMegabyte = 1 << 20;
constexpr std::int64_t kTera = 1LL << 40;
constexpr std::int64_t kMinute = 60'000'000'000;
constexpr std::int64_t kDay = 24 * 60 * kMinute;

constexpr std::string_view kJwksHelp = "where its keys are: a URL, or a file, which is watched";
constexpr std::string_view kAudienceHelp = "one of them has to be in a token's `aud`";
constexpr std::string_view kAlgsHelp = "algorithms of signatures that are accepted";
constexpr std::string_view kTypHelp = "what a token's `typ` has to be";
constexpr std::string_view kSecretHelp =
    "key of HS256, HS384 and HS512, at least 256 bits; never beside `jwks`";
constexpr std::string_view kUserHelp = "the claim that names the user";
constexpr std::string_view kLeewayHelp = "by which the clocks of issuer and gateway may differ";
constexpr std::string_view kKeepHelp = "how long a key that is no longer published is still accepted";
constexpr std::string_view kRevokedHelp = "keys that are not accepted any more, by thumbprint";

constexpr Options kJwksOptions{.default_text = "named by the issuer (discovery)"};
constexpr Options kAudienceOptions{.default_text = "any, with a warning", .filled = true};
constexpr Options kAlgsOptions{.default_text = "RS, PS, ES and EdDSA; HS with `secret`", .filled = true};
constexpr Options kTypOptions{.default_text = "any"};
constexpr Options kSecretOptions{.default_text = "none"};
constexpr Options kLeewayOptions{.min = 0, .max = 60 * kMinute};
constexpr Options kKeepOptions{.min = 0, .max = 7 * kDay};
constexpr Options kRevokedOptions{.default_text = "none"};

using I = IssuerSpec;
constinit const Field kIssuerFields[] = {
    value_of_all<I>(
        "issuer", kIssuer,
        "its URL, exactly as its tokens have it in `iss`; any text where `jwks` or `secret` is given",
        {.default_text = "required"}),
    value<&I::jwks>("jwks", kJwks, kJwksHelp, kJwksOptions),
    value<&I::audience>("audience", kAudience, kAudienceHelp, kAudienceOptions),
    value<&I::algs>("algs", kAlgorithms, kAlgsHelp, kAlgsOptions),
    value<&I::typ>("typ", kTokenType, kTypHelp, kTypOptions),
    value<&I::secret>("secret", kSecret, kSecretHelp, kSecretOptions),
    value<&I::user>("user", kUserClaim, kUserHelp),
    value<&I::leeway>("leeway", kDuration, kLeewayHelp, kLeewayOptions),
    value<&I::keep_removed_keys>("keep_removed_keys", kDuration, kKeepHelp, kKeepOptions),
    value<&I::revoked>("revoked", kThumbprints, kRevokedHelp, kRevokedOptions),
};
constinit const Table kIssuerTable = [] {
  Table table = table_of<I>("auth.issuer.<name>", "Who vouches for users. An issuer may be its URL alone.",
                            kIssuerFields);
  table.short_field = "issuer";
  return table;
}();

using Key = ApiKeySpec;
constinit const Field kApiKeyFields[] = {
    value<&Key::sha256>("sha256", kSha256, "of the key: `printf %s KEY | sha256sum`",
                        {.default_text = "required"}),
    value<&Key::claims>("claims", kClaims, "what conditions, limits and `send` may use as claims",
                        {.default_text = "none"}),
    value<&Key::expires>("expires", kPointInTime, "from then on it is refused", {.default_text = "never"}),
    value<&Key::disabled>("disabled", kSwitch, "whether it is refused, but kept"),
};
constinit const Table kApiKeyTable = [] {
  Table table = table_of<Key>("auth.api_keys.keys.<name>",
                              "One key. Its name is the user. A key may be its hash alone.", kApiKeyFields);
  table.short_field = "sha256";
  table.finish = finish_api_key;
  return table;
}();

using Keys = ApiKeysSpec;
// Those of the file are not written again where the configuration is printed.
constexpr Field inline_keys() {
  Field field =
      groups<&Keys::keys>("keys", Shape::named, kApiKeyTable, "the keys, by the name of who holds it");
  field.groups.size = [](const void* member) {
    const auto& keys = *static_cast<const std::vector<Key>*>(member);
    return static_cast<std::size_t>(std::ranges::find(keys, true, &Key::of_file) - keys.begin());
  };
  return field;
}
constinit const Field kApiKeysFields[] = {
    value<&Keys::file>("file", kApiKeyFile,
                       "YAML file with a map as `keys` is, which is watched; at most 16 MB and 100000 keys. "
                       "Nothing in it is replaced",
                       {.default_text = "none"}),
    inline_keys(),
    value_of_all<Keys>("in", kApiKeyPlace, "where a request carries its key"),
    value<&Keys::send>("send", kSwitch, "whether the key is passed on to the service"),
};
constinit const Table kApiKeysTable = [] {
  Table table = table_of<Keys>("auth.api_keys", "API keys. Only their hashes are known to the gateway.",
                               kApiKeysFields);
  table.finish = finish_api_keys;
  return table;
}();

using A = AuthSpec;
constinit const Field kAuthFields[] = {
    groups<&A::issuers>("issuer", Shape::named, kIssuerTable,
                        "who vouches for users: one issuer, or a map of several", {.short_name = "main"}),
    value_within<&A::shared, &I::jwks>("jwks", kJwks, kJwksHelp, kJwksOptions),
    value_within<&A::shared, &I::audience>("audience", kAudience, kAudienceHelp, kAudienceOptions),
    value_within<&A::shared, &I::algs>("algs", kAlgorithms, kAlgsHelp, kAlgsOptions),
    value_within<&A::shared, &I::typ>("typ", kTokenType, kTypHelp, kTypOptions),
    value_within<&A::shared, &I::secret>("secret", kSecret, kSecretHelp, kSecretOptions),
    value_within<&A::shared, &I::user>("user", kUserClaim, kUserHelp),
    value_within<&A::shared, &I::leeway>("leeway", kDuration, kLeewayHelp, kLeewayOptions),
    value_within<&A::shared, &I::keep_removed_keys>("keep_removed_keys", kDuration, kKeepHelp, kKeepOptions),
    value_within<&A::shared, &I::revoked>("revoked", kThumbprints, kRevokedHelp, kRevokedOptions),
    optional<&A::api_keys>("api_keys", kApiKeysTable, "API keys", {.default_text = "off", .on = false}),
    value_within<&A::rule, &AuthRule::require>(
        "require", kWhen,
        "what else has to hold, of a user whose credentials are good; 403 "
        "otherwise",
        {.default_text = "nothing"}),
    value<&A::public_paths>("public", kPaths, "paths that need no credentials: `optional` for them",
                            {.default_text = "none"}),
    value<&A::send>(
        "send", kSend,
        "headers that tell the service about the user; whatever a client sends in them is removed"),
    value<&A::bad_signatures>("bad_signatures", kRate,
                              "bad signatures of one address, none seen before; beyond them it gets 429"),
    value<&A::cache_memory>("cache_memory", kSize, "for credentials that were judged already",
                            {.min = kMegabyte, .max = kTera}),
    later("introspect"),
    later("basic"),
    later("client_cert"),
    later("dpop"),
    later("login"),
    later("ask"),
    later("exchange"),
};

constexpr const Table* kTables[] = {&kAuthTable, &kIssuerTable, &kApiKeysTable, &kApiKeyTable};

}  // namespace

constinit const Table kAuthTable = [] {
  Table table =
      table_of<A>("auth",
                  "Who is let in. What stands beside `issuer` holds for each issuer that says nothing "
                  "else. The narrowest `auth` decides: route, service, `public`, listener, this one.",
                  kAuthFields);
  table.finish = finish_auth;
  return table;
}();

const Table& auth_table() { return kAuthTable; }
const Table& issuer_table() { return kIssuerTable; }
const Table& api_keys_table() { return kApiKeysTable; }
const Table& api_key_table() { return kApiKeyTable; }
std::span<const Table* const> auth_tables() { return kTables; }

}  // namespace gatehouse::config
