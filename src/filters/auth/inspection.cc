#include "filters/auth/inspection.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "config/auth_rules.h"
#include "config/values.h"
#include "filters/auth/credentials.h"
#include "filters/auth/digest.h"
#include "jose/base64url.h"
#include "jose/token.h"

namespace gatehouse::filters {
namespace {

using gateway::Caller;
using Findings = gateway::CredentialFindings;

std::int64_t seconds_of(WallTime wall) noexcept {
  return std::chrono::floor<std::chrono::seconds>(wall).time_since_epoch().count();
}

std::string moment(std::int64_t seconds) {
  constexpr std::int64_t kYear10000 = 253'402'300'800;
  if (seconds < 0 || seconds >= kYear10000) return fmt::format("{} s after 1970", seconds);
  return config::show_wall_time(WallTime(std::chrono::seconds(seconds)));
}

void note(Findings& f, std::string what) { f.checks.push_back({true, std::move(what)}); }
void refuse(Findings& f, const Error& error) {
  f.checks.push_back({false, std::string(error.detail)});
  f.caller.refused = error;
}

class Inspector final : public gateway::CredentialInspector {
 public:
  Inspector(const AuthPolicy& policy, const KeySources& sources) : policy_(policy), sources_(sources) {}

  Findings inspect_token(std::string_view token, WallTime now, Arena& arena) const override {
    Findings f{.method = "jwt"};
    jose::TokenReader reader;
    const auto read = reader.read(token);
    if (!read) {
      refuse(f, error_of(read.error()));
      return f;
    }
    f.document = document_of(token, *read);
    const auto iss = read->claims().issuer();
    const Issuer* issuer = iss ? policy_.issuers.of(*iss) : nullptr;
    if (issuer == nullptr) {
      refuse(f, error_of(jose::Fault::wrong_issuer));
      return f;
    }
    note(f, fmt::format("issuer: {}", issuer->name));
    look_at_claims(*read, *issuer, seconds_of(now), f);
    if (!f.caller.refused) look_at_signature(*read, *issuer, f);
    if (!f.caller.refused) name_user(*read, *issuer, arena, f);
    return f;
  }

  Findings inspect(const http::RequestHead& request, WallTime now, Arena& arena) const override {
    const auto credentials = credentials_of(policy_, request, arena);
    Findings f;
    if (!credentials) {
      refuse(f, credentials.error());
      return f;
    }
    switch (credentials->method) {
      case Credentials::Method::none: return f;
      case Credentials::Method::bearer_token: return inspect_token(credentials->value, now, arena);
      case Credentials::Method::api_key: break;
    }
    f.method = "api_key";
    Sha256 sha256;
    const auto identity = policy_.api_keys->judge(credentials->value, sha256, now);
    if (!identity) {
      refuse(f, identity.error());
      return f;
    }
    f.caller.identity = *identity;
    note(f, fmt::format("user: {}", (*identity)->user));
    return f;
  }

  gateway::AuthOutcome judge(const Findings& f, const gateway::RouteQuery& query, const config::Spec& spec,
                             const config::RouteSpec& route) const override {
    const config::AuthRule& rule = rule_of(query, spec, route);
    gateway::AuthOutcome out{.rule = rule.text};
    const bool somebody = f.caller.identity != nullptr;
    if (rule.mode != Mode::off && f.caller.refused &&
        f.caller.refused->code == Errc::conflicting_credentials) {
      out.status = errc_info(f.caller.refused->code).status;
      out.why = f.caller.refused->detail;
      return out;
    }
    switch (rule.mode) {
      case Mode::off: out.why = "credentials are not looked at"; return out;
      case Mode::optional:
        out.why = f.caller.refused ? "the credentials are no good, and are removed"
                  : somebody       ? fmt::format("as {}", f.caller.identity->user)
                                   : "none are needed";
        return out;
      case Mode::required: break;
    }
    gateway::ConditionTable aside;  // the rule's conditions are asked one by one below
    config::Diagnostics none;
    const AuthRule compiled = compile_rule(rule, aside, none);
    const auto refusal =
        refusal_of(compiled, f.caller, [&](const auto&) { return holds(rule.require, query); });
    if (!refusal) {
      out.why = fmt::format("as {}", f.caller.identity->user);
      return out;
    }
    out.status = errc_info(refusal->code).status;
    out.why = refusal->detail;
    if (f.caller.identity != nullptr && !holds(rule.require, query))
      out.why += what_fails(rule.require, query);
    return out;
  }

 private:
  using Mode = config::AuthRule::Mode;

  static bool holds(const config::Condition& condition, const gateway::RouteQuery& query) {
    gateway::ConditionTable table;
    gateway::ConditionScratch scratch;
    config::Diagnostics none;
    const config::Condition* only = &condition;
    return table.holds(table.add({&only, 1}, none), query, scratch) == gateway::Truth::yes;
  }
  static bool holds(const config::When& when, const gateway::RouteQuery& query) {
    return when.empty() || std::ranges::any_of(when, [&](const config::ConditionSet& set) {
             return std::ranges::all_of(set, [&](const config::Condition& c) { return holds(c, query); });
           });
  }
  static std::string what_fails(const config::When& when, const gateway::RouteQuery& query) {
    std::string text;
    for (const config::ConditionSet& set : when)
      for (const config::Condition& c : set)
        if (!holds(c, query)) text += (text.empty() ? ": `" : ", `") + c.text + "` does not hold";
    return text;
  }

  static const config::AuthRule& rule_of(const gateway::RouteQuery& query, const config::Spec& spec,
                                         const config::RouteSpec& route) {
    const auto listener = std::ranges::find(spec.listeners, query.listener, &config::ListenerSpec::name);
    const config::AuthRules rules = config::auth_rules(spec, *listener, route);
    const bool is_public =
        spec.auth && !spec.auth->public_paths.empty() && holds(public_condition(*spec.auth), query);
    return is_public ? *rules.public_paths : *rules.otherwise;
  }

  // Header and payload as they are in the token, which was read as JSON.
  static std::string document_of(std::string_view token, const jose::Token& read) {
    const auto header = jose::base64url_decode(token.substr(0, token.find('.')));
    return fmt::format("{{\"header\":{},\"claims\":{}}}", header.value_or("null"), read.payload());
  }

  static void look_at_claims(const jose::Token& token, const Issuer& issuer, std::int64_t now_s,
                             Findings& f) {
    const jose::Expectation& expected = issuer.expected;
    if (const auto good = jose::check_claims(token, expected, now_s); !good)
      return refuse(f, error_of(good.error()));
    note(f, fmt::format("algorithm: {}", jose::name_of(token.algorithm())));
    if (!expected.type.empty()) note(f, fmt::format("typ: {}", token.typ()));
    const auto audience = std::ranges::find_if(
        expected.audiences, [&](const std::string& a) { return token.claims().has_audience(a); });
    note(f, audience == expected.audiences.end() ? "audience: any" : fmt::format("audience: {}", *audience));
    note(f, fmt::format("expires: {}", moment(token.claims().expires().value_or(0))));
  }

  // Keys in force; where nobody runs that would fetch them, those that the configuration gives.
  const KeysInForce* keys_of(const Issuer& issuer, std::shared_ptr<const KeysInForce>& held) const {
    held = issuer.ring->keys();
    if (held->generation != 0) return held.get();
    const auto source = std::ranges::find(sources_.all, issuer.name, &KeySource::name);
    if (source == sources_.all.end() || source->given.empty()) return nullptr;
    auto given = std::make_shared<KeysInForce>();
    given->keys = source->given;
    held = std::move(given);
    return held.get();
  }

  void look_at_signature(const jose::Token& token, const Issuer& issuer, Findings& f) const {
    std::shared_ptr<const KeysInForce> held;
    const KeysInForce* keys = keys_of(issuer, held);
    if (keys == nullptr) {
      f.undecided = true;
      return note(f, "signature: not looked at, for the keys are fetched by a running gateway; ask it");
    }
    if (keys->keys.empty() && issuer.fetched)
      return refuse(f, {Errc::identity_undecided, Origin::gateway, Retry::never,
                        "the keys of the token's issuer could not be fetched yet"});
    const Signature signature = check_signature(token, *keys);
    if (signature.found != Signature::Found::good)
      return refuse(f, error_of(signature.tries > 0 || signature.found == Signature::Found::bad
                                    ? jose::Fault::bad_signature
                                    : jose::Fault::unknown_key));
    note(f, fmt::format("signature: by key {}", jose::base64url_encode(signature.key->thumbprint())));
  }

  void name_user(const jose::Token& token, const Issuer& issuer, Arena& arena, Findings& f) const {
    AttributeWriter writer;
    if (!write_attributes(token.claims(), issuer.user_claim, issuer.user_prefix, policy_.issuers.asked,
                          writer))
      return refuse(f, kNoUser);
    auto* identity = arena.make<gateway::Identity>();
    identity->attributes = read_attributes(writer.finish(), policy_.issuers.asked, arena);
    identity->user = identity->attributes.front().value;
    identity->issuer = issuer.name;
    identity->method = "jwt";
    f.caller.identity = identity;
    note(f, fmt::format("user: {}", identity->user));
  }

  const AuthPolicy& policy_;
  const KeySources& sources_;
};

}  // namespace

std::shared_ptr<gateway::CredentialInspector> credential_inspector(const AuthPolicy& policy,
                                                                   const KeySources& sources) {
  return std::make_shared<Inspector>(policy, sources);
}

}  // namespace gatehouse::filters
