// What a route asks of whoever comes through a listener. Immutable; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/spec.h"
#include "gateway/condition.h"
#include "gateway/identity.h"

namespace gatehouse::filters {

struct AuthRule {
  using Mode = config::AuthRule::Mode;
  Mode mode = Mode::required;
  std::vector<std::string> methods;  // names of issuers, `api_keys`; empty = all
  // One of them has to hold; empty: nothing more is asked.
  std::vector<gateway::ConditionTable::Range> require;
  std::string scope;  // what `require` asks for, where that is one scope and no secret; else empty

  bool accepts(std::string_view issuer) const noexcept;
};

// Why a rule of Mode::required refuses a caller; nullopt: it lets him through. `holds(ranges)` says whether
// one of them holds for the request.
template <class Holds>
std::optional<Error> refusal_of(const AuthRule& rule, const gateway::Caller& caller, Holds holds) {
  auto refuse = [](Errc code, std::string_view why) {
    return Error{code, Origin::client, Retry::never, why};
  };
  if (caller.refused) [[unlikely]]
    return caller.refused;
  if (caller.identity == nullptr) return refuse(Errc::unauthorized, "this needs credentials");
  if (!rule.accepts(caller.identity->issuer))
    return refuse(Errc::insufficient, "credentials of this kind are not accepted here");
  if (!rule.require.empty() && !holds(rule.require))
    return refuse(Errc::insufficient, "these credentials do not allow this");
  return std::nullopt;
}

// Its conditions go into `conditions`, for Exchange::holds.
AuthRule compile_rule(const config::AuthRule& rule, gateway::ConditionTable& conditions,
                      config::Diagnostics& diagnostics);

}  // namespace gatehouse::filters
