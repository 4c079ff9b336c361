#include "filters/auth/auth_filter.h"

#include <algorithm>
#include <vector>

#include "config/auth_rules.h"
#include "filters/auth/auth_task.h"
#include "filters/auth/authenticator.h"
#include "filters/auth/challenge.h"
#include "gateway/exchange.h"
#include "gateway/retry_after.h"

namespace gatehouse::filters {
namespace {

using gateway::Caller;
using gateway::Exchange;
using gateway::Reply;
using gateway::Verdict;
using Mode = AuthRule::Mode;

// ---- refusals ------------------------------------------------------------------------------------------

// The refusal, and what a client's library is told with it. Other steps may have replaced the reply: then its
// status is another.
net::Task<Verdict> refuse_and_tell(const AuthPolicy& policy, Exchange& x, const AuthRule& rule, Error error) {
  Reply reply = co_await x.refuse({.error = error});
  const std::uint16_t status = reply.head->status;
  if (status == errc_info(error.code).status) {
    const bool tokens =
        std::ranges::any_of(policy.issuers.all, [&](const Issuer& i) { return rule.accepts(i.name); });
    const Challenge challenge{.bearer = tokens,
                              .api_key = policy.api_keys && rule.accepts(config::kApiKeysName),
                              .scope = rule.scope};
    if (status == 401 || (error.code == Errc::insufficient && x.identity()->method == "jwt"))
      add_challenge(error, challenge, reply.head->headers, x.arena());
    if (status == 429)
      gateway::add_retry_after(policy.bad->wait(x.client(), x.worker().loop().now()),
                               x.worker().loop().random(), reply.head->headers, x.arena());
  }
  co_return Verdict::reply(std::move(reply));
}

Verdict refuse(const AuthPolicy& policy, Exchange& x, const AuthRule& rule, Error error) {
  return Verdict::later(refuse_and_tell(policy, x, rule, error));
}
Verdict refuse(const AuthPolicy& policy, Exchange& x, const AuthRule& rule, Errc code,
               std::string_view detail) {
  return refuse(policy, x, rule, {code, Origin::client, Retry::never, detail});
}

// ---- what goes on to the service
// ---------------------------------------------------------------------------

void remove_credentials(const AuthPolicy& policy, Exchange& x) {
  if (policy.api_keys) policy.api_keys->cut(x.request(), true, x.arena());
  if (!policy.issuers.all.empty()) x.request().headers.remove(http::HeaderId::authorization);
}

// Of somebody, or of nobody who has shown nothing.
Verdict pass(const AuthPolicy& policy, Exchange& x, const AuthRule& rule) {
  // A key that nobody looked at, because a token decided, does not go on as if it had been.
  const bool by_key = x.identity() != nullptr && x.identity()->method == "api_key";
  if (policy.api_keys) policy.api_keys->cut(x.request(), !by_key, x.arena());
  if (x.identity() == nullptr) return Verdict::next();
  if (policy.send.remove_authorization()) x.request().headers.remove(http::HeaderId::authorization);
  if (!policy.send.add(*x.identity(), x.request().headers, x.arena()))
    return refuse(policy, x, rule, Errc::head_too_large, "the request has too many header fields");
  return Verdict::next();
}

// ---- judgement -------------------------------------------------------------------------------------------

Verdict judge_optional(const AuthPolicy& policy, Exchange& x, const AuthRule& rule) {
  const Caller& caller = *x.caller();
  if (caller.refused || (caller.identity && !rule.accepts(caller.identity->issuer))) {
    remove_credentials(policy, x);
    x.set_caller({});
    return Verdict::next();
  }
  return pass(policy, x, rule);
}

Verdict judge_required(const AuthPolicy& policy, Exchange& x, const AuthRule& rule) {
  const auto refusal = refusal_of(rule, *x.caller(), [&](const auto& ranges) { return x.holds(ranges); });
  return refusal ? refuse(policy, x, rule, *refusal) : pass(policy, x, rule);
}

Verdict judge(const AuthPolicy& policy, Exchange& x, const AuthRule& rule) {
  const Caller& caller = *x.caller();
  if (caller.refused && caller.refused->code == Errc::conflicting_credentials)
    return refuse(policy, x, rule, *caller.refused);
  return rule.mode == Mode::required ? judge_required(policy, x, rule) : judge_optional(policy, x, rule);
}

net::Task<Verdict> judge_later(const AuthPolicy& policy, Exchange& x, const AuthRule& rule, Attempt first) {
  x.set_caller(co_await wait_for_key(policy, x, first));
  co_return judge(policy, x, rule);
}

// ---- steps -----------------------------------------------------------------------------------------------

struct RouteAuth {
  struct Rules {
    const AuthRule* otherwise;
    const AuthRule* public_paths;
  };
  const AuthPolicy* policy;
  std::vector<Rules> listeners;  // in their order

  const AuthRule& rule(Exchange& x) const {
    const auto listener = static_cast<std::size_t>(&x.listener() - x.snapshot().listeners().data());
    const Rules& rules = listeners[listener];
    if (rules.otherwise == rules.public_paths) return *rules.otherwise;
    const bool is_public = policy->public_paths.count > 0 && x.holds({&policy->public_paths, 1});
    return is_public ? *rules.public_paths : *rules.otherwise;
  }
};

Verdict on_request(const void* filter, Exchange& x) {
  const auto& route = *static_cast<const RouteAuth*>(filter);
  const AuthPolicy& policy = *route.policy;
  const AuthRule& rule = route.rule(x);
  if (rule.mode == Mode::off) return Verdict::next();
  if (x.caller() == nullptr) {
    const Attempt a = attempt(policy, x);
    if (a.unknown_key_of != nullptr) {
      if (rule.mode == Mode::required) return Verdict::later(judge_later(policy, x, rule, a));
      ask_for_key(policy, x, a);
    }
    x.set_caller(a.caller);
  }
  return judge(policy, x, rule);
}

net::Task<Verdict> establish_later(const AuthPolicy& policy, Exchange& x, Attempt first) {
  x.set_caller(co_await wait_for_key(policy, x, first));
  co_return Verdict::next();
}

Verdict establish(const void* filter, Exchange& x) {
  const auto& policy = *static_cast<const AuthPolicy*>(filter);
  const Attempt a = attempt(policy, x);
  if (a.unknown_key_of != nullptr) return Verdict::later(establish_later(policy, x, a));
  x.set_caller(a.caller);
  return Verdict::next();
}

// ---- compile ---------------------------------------------------------------------------------------------

template <class Context>
std::shared_ptr<AuthPolicy> policy_of(const Context& context, config::Diagnostics& diagnostics) {
  return context.filters.template shared<AuthPolicy>([&] {
    return compile_policy(context.spec, context.registry, context.filters, context.snapshot, diagnostics);
  });
}

class AuthFilter final : public gateway::FilterKind {
 public:
  std::string_view name() const noexcept override { return "auth"; }

  void compile(const gateway::RouteContext& context, gateway::Chain& chain,
               config::Diagnostics& diagnostics) const override {
    if (!context.spec.auth) return;
    const std::shared_ptr<AuthPolicy> policy = policy_of(context, diagnostics);
    RouteAuth route{.policy = policy.get(), .listeners = {}};
    bool all_off = true;
    for (const config::ListenerSpec& l : context.spec.listeners) {
      const config::AuthRules rules = config::auth_rules(context.spec, l, context.route, context.service);
      auto compiled = [&](const config::AuthRule* rule) {
        all_off = all_off && rule->mode == Mode::off;
        return policy->rule(*rule, context.snapshot.conditions, diagnostics);
      };
      const AuthRule* otherwise = compiled(rules.otherwise);
      route.listeners.push_back({otherwise, compiled(rules.public_paths)});
    }
    if (!all_off) chain.request.push_back({&on_request, context.filters.own(std::move(route))});
  }

  void compile(const gateway::ListenerContext& context, gateway::ListenerChain& chain,
               config::Diagnostics& diagnostics) const override {
    if (!context.spec.auth) return;
    const std::shared_ptr<AuthPolicy> policy = policy_of(context, diagnostics);
    chain.identity.push_back({&establish, policy.get()});
  }

  std::unique_ptr<gateway::BackgroundTask> background(
      const gateway::BackgroundContext& context) const override {
    return auth_task(context);
  }
  std::span<const gateway::MetricFamily> metrics() const noexcept override { return auth_task_metrics(); }
};

}  // namespace

std::unique_ptr<gateway::FilterKind> auth_filter() { return std::make_unique<AuthFilter>(); }

}  // namespace gatehouse::filters
