// `auth` as typed values (rules 3 and 7): who vouches for users, and what is asked of them. See spec.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/spec_values.h"

namespace gatehouse::config {

// A header that tells the service about the user.
struct SendItem {
  enum class From : std::uint8_t {
    user,
    claim,
    issuer,  // the name of the issuer, or `api_keys`
    method,  // `jwt` or `api_key`
    remove   // of `authorization` only: the credential itself is not passed on
  };
  std::string header;  // lower case
  From from = From::user;
  std::string claim;  // of From::claim
  friend bool operator==(const SendItem&, const SendItem&) = default;
};

// The keys of an issuer: a URL that is fetched, or a file, whose text is here and which is watched.
struct JwksSource {
  std::string shown;  // what may be printed
  std::optional<WebUrl> url;
  std::string text;  // of the file (or of a `$NAME` that holds it)
  Location at;
};

struct ApiKeySpec {
  std::string name;                                         // the user
  std::array<std::uint8_t, 32> sha256{};                    // of the key as it is sent
  std::vector<std::pair<std::string, std::string>> claims;  // name, text; a list gives several of one name
  std::optional<WallTime> expires;                          // from this moment on it is refused
  bool disabled = false;
  bool of_file = false;  // stands in ApiKeysSpec::file
  Location at;
  Written written{};
};

struct ApiKeysSpec {
  enum class In : std::uint8_t { header, query, cookie };
  std::vector<ApiKeySpec> keys;  // those of the configuration, then those of `file`; names and hashes unique
  std::string file;              // as it may be printed; empty = none
  In in = In::header;
  std::string name = "x-api-key";  // of the header (lower case), query parameter or cookie
  bool send = false;               // the key is passed on to the service
  Location at;
  Written written{};
};

// Where the keys of an issuer come from: exactly one of `discovery`, `jwks`, `secret`.
struct IssuerSpec {
  std::string name;                 // `main` where only one is written
  std::string issuer;               // the `iss` of its tokens, byte for byte
  std::string shown;                // of `issuer`, what may be printed
  std::optional<WebUrl> discovery;  // of the document that names the keys; where nothing else gives them
  std::optional<JwksSource> jwks;
  Secret secret;                      // of HS; at least 256 bits
  std::vector<std::string> audience;  // one of them has to be in `aud`; empty = any
  std::vector<std::string> algs;      // as `RS256`; resolved, never empty once loaded
  std::string typ;                    // required `typ`; empty = any
  std::string user = "sub";           // the claim that names the user
  Duration leeway{60s};
  Duration keep_removed_keys{10min};
  std::vector<std::string> revoked;  // thumbprints of keys (RFC 7638, SHA-256, base64url: 43 characters)
  Location at;
  Written written{};
};

// What a route, service, listener, or `auth` for all of them asks. See auth_rules.h for which one decides.
struct AuthRule {
  enum class Mode : std::uint8_t { required, optional, off };
  Mode mode = Mode::required;
  std::vector<std::string> issuers{};  // names, `api_keys` for these; empty = all
  When require{};                      // empty = nothing further; only of Mode::required
  Location at{};
  std::string text{};  // as written: what may be shown
};

struct AuthSpec {
  std::vector<IssuerSpec> issuers;  // may be empty where `api_keys` is given
  IssuerSpec shared;                // what stands beside `issuer`; handed on to each that says nothing else
  std::optional<ApiKeysSpec> api_keys;
  std::vector<PathPattern> public_paths;
  std::vector<SendItem> send{{"x-user", SendItem::From::user, {}}};
  std::uint64_t cache_memory = 64ULL * 1024 * 1024;  // bytes, for the process
  Rate bad_signatures{50, 1s, 50};                   // fresh ones, per address; more are answered 429
  AuthRule rule;                                     // for all that says nothing narrower
  Location at;
  Written written{};
};

}  // namespace gatehouse::config
