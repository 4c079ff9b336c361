// Who is calling, whatever the method that showed it. What rules, headers, limits and the log ask.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "base/time.h"
#include "config/spec.h"
#include "gateway/condition.h"
#include "http/message.h"

namespace gatehouse::gateway {

// Somebody who has shown who they are. The views live as long as the exchange.
struct Identity {
  std::string_view user;    // `issuer:name` where there are several issuers or methods
  std::string_view issuer;  // its name in the configuration, or `api_keys`
  std::string_view method;  // `jwt` or `api_key`
  // `user`, then the claims that the snapshot asks for anywhere; of others nothing is known here.
  std::span<const Attribute> attributes;
};

// What the credentials of a request were found to be: nothing yet, nobody's, somebody's, or no good. A
// request without any is nobody's.
struct Caller {
  const Identity* identity = nullptr;  // in the arena of the exchange
  // Credentials were there and are not good (401, 429), or could not be judged (503).
  std::optional<Error> refused{};
};

// What of a query must not be written down, because it is a credential. A filter that takes some from there
// puts one into its snapshot (FilterStore::shared). Immutable; any thread.
class QueryMask {
 public:
  virtual ~QueryMask() = default;
  // `query` (with its '?', or empty) as it may be logged: a view of it, or in the arena.
  virtual std::string_view shown(std::string_view query, Arena& arena) const = 0;
};

// What was found about credentials, apart from any request that is served.
struct CredentialFindings {
  struct Check {
    bool good = false;
    std::string what;  // for people: `audience: api.example.com`; never the credential
  };
  std::string method{};         // `jwt`, `api_key`; empty: there are no credentials
  std::string document{};       // what a token says, as JSON: header and claims; empty for others
  std::vector<Check> checks{};  // in order; nothing is looked at behind the first that is not good
  bool undecided = false;       // all is good as far as it could be looked at
  Caller caller{};              // in the arena
};

// What `auth` of a route makes of a caller.
struct AuthOutcome {
  std::string rule;          // as written
  std::uint16_t status = 0;  // of the refusal; 0: the request goes on
  std::string why{};         // for people
};

// For `explain` and `token inspect`: a filter that judges credentials puts one into its snapshot
// (FilterStore::find). Immutable; any thread.
class CredentialInspector {
 public:
  virtual ~CredentialInspector() = default;
  // Of a token alone, as it would stand behind `Bearer`.
  virtual CredentialFindings inspect_token(std::string_view token, WallTime now, Arena& arena) const = 0;
  // Of the first credentials that the request carries.
  virtual CredentialFindings inspect(const http::RequestHead& request, WallTime now, Arena& arena) const = 0;
  // Of the caller of `findings` at a route. `query` is the request's, with the caller's attributes.
  virtual AuthOutcome judge(const CredentialFindings& findings, const RouteQuery& query,
                            const config::Spec& spec, const config::RouteSpec& route) const = 0;
};

}  // namespace gatehouse::gateway
