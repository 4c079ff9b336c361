#include "filters/auth/auth_rule.h"

#include <algorithm>

namespace gatehouse::filters {
namespace {

// RFC 6749 appendix A.4
bool is_scope(std::string_view text) noexcept {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7e && c != '"' && c != '\\'; });
}

std::string scope_of(const config::When& require) {
  if (require.size() != 1) return {};
  for (const config::Condition& c : require.front()) {
    if (c.key.kind != config::ConditionKey::Kind::claim || c.key.name != "scope" || c.negate) continue;
    if (c.any_of.size() != 1) return {};
    const config::Test& test = c.any_of.front();
    const bool shown = test.kind == config::Test::Kind::exact && test.shown.empty() && is_scope(test.text);
    return shown ? test.text : std::string();
  }
  return {};
}

}  // namespace

bool AuthRule::accepts(std::string_view issuer) const noexcept {
  return methods.empty() || std::ranges::find(methods, issuer) != methods.end();
}

AuthRule compile_rule(const config::AuthRule& rule, gateway::ConditionTable& conditions,
                      config::Diagnostics& diagnostics) {
  AuthRule made{.mode = rule.mode, .methods = rule.issuers, .require = {}, .scope = scope_of(rule.require)};
  made.require.reserve(rule.require.size());
  for (const config::ConditionSet& set : rule.require) {
    std::vector<const config::Condition*> all;
    all.reserve(set.size());
    for (const config::Condition& c : set) all.push_back(&c);
    made.require.push_back(conditions.add(all, diagnostics));
  }
  return made;
}

}  // namespace gatehouse::filters
