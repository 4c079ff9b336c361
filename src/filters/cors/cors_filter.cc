#include "filters/cors/cors_filter.h"

#include <algorithm>
#include <string>
#include <utility>

#include "config/auth_rules.h"
#include "filters/cors/cors_policy.h"
#include "gateway/exchange.h"

namespace gatehouse::filters {
namespace {

using gateway::Exchange;
using gateway::Reply;
using gateway::Verdict;
using http::HeaderId;

// The Origin as it came: later steps may take it away before the answer needs it.
struct Asker {
  bool known;
  std::string_view origin;
};

struct Cors {
  CorsPolicy policy;
  std::uint32_t slot;
};

// The only field of that name; empty if there is none, or more than one, of which nobody knows which holds.
std::string_view only_value(const http::HeaderTable& headers, HeaderId id, std::string_view name) noexcept {
  const http::Header* found = nullptr;
  for (const http::Header& h : headers) {
    if (h.id != id || (id == HeaderId::other && !http::iequals(h.name, name))) continue;
    if (found != nullptr) return {};
    found = &h;
  }
  return found != nullptr ? found->value : std::string_view{};
}

std::string_view origin_of(const Cors& cors, Exchange& x) noexcept {
  auto& asker = x.slot<Asker>(cors.slot);
  const http::HeaderTable& headers = x.request().headers;
  if (!asker.known) {
    asker.known = true;
    if (headers.has(HeaderId::origin)) asker.origin = only_value(headers, HeaderId::origin, {});
  }
  return asker.origin;
}

Verdict answer_preflight(const void* filter, Exchange& x) {
  const auto& cors = *static_cast<const Cors*>(filter);
  const std::string_view origin = origin_of(cors, x);
  if (x.announced_method().empty()) [[likely]]
    return Verdict::next();
  // Said aloud, instead of by the absence of headers: the browser refuses in either case, but the log, the
  // metrics and whoever reads the answer see why.
  if (!cors.policy.allows(origin))
    return x.refuse_with(Errc::origin_denied, "`cors` of this route does not list the origin");
  return Verdict::reply({.head = x.new_response(204), .body = nullptr});
}

Verdict mark_answer(const void* filter, Exchange& x, Reply& reply) {
  const auto& cors = *static_cast<const Cors*>(filter);
  const std::string_view origin = origin_of(cors, x);
  // Here the route does not exist: its answer is that of a path without any.
  if (x.record().failed && x.record().reason == Errc::no_route) return Verdict::next();
  http::HeaderTable& headers = reply.head->headers;
  if (x.announced_method().empty()) {
    cors.policy.mark(headers, origin, x.arena());
    return Verdict::next();
  }
  const http::HeaderTable& asked = x.request().headers;
  cors.policy.answer(headers, origin,
                     {.method = x.announced_method(),
                      .headers = only_value(asked, HeaderId::other, "access-control-request-headers"),
                      .private_network = only_value(asked, HeaderId::other,
                                                    "access-control-request-private-network") == "true"},
                     x.arena());
  return Verdict::next();
}

class CorsFilter final : public gateway::FilterKind {
 public:
  std::string_view name() const noexcept override { return "cors"; }

  void compile(const gateway::RouteContext& context, gateway::Chain& chain,
               config::Diagnostics& diagnostics) const override {
    check_split(context, diagnostics);
    const config::CorsSpec* spec = config::cors_of(context.route, context.service);
    if (spec == nullptr) return hint_at_preflights(context, diagnostics);
    const Cors* cors = context.filters.own(Cors{CorsPolicy(*spec), chain.reserve_slot<Asker>()});
    chain.request.push_back({&answer_preflight, cors});
    chain.response.push_back({&mark_answer, cors});
    chain.answers_preflights = true;
  }

 private:
  // A preflight brings no credentials: where they are asked for, its 401 keeps the pages of every other
  // origin out. Once, where nothing has `cors`; else only of routes that list OPTIONS, whose author has pages
  // in mind.
  struct Hinted {
    bool once = false;
  };
  static void hint_at_preflights(const gateway::RouteContext& context, config::Diagnostics& diagnostics) {
    const bool asks = std::ranges::any_of(context.spec.listeners, [&](const config::ListenerSpec& l) {
      return config::auth_rules(context.spec, l, context.route, context.service).otherwise->mode ==
             config::AuthRule::Mode::required;
    });
    if (!asks) return;
    auto hint = [&](const config::Location& at, std::string message) {
      diagnostics.push_back({config::Diagnostic::Level::hint, at, std::move(message),
                             "For pages of other origins write `cors: ORIGIN`, which answers preflights"});
    };
    if (std::ranges::find(context.route.methods, "OPTIONS") != context.route.methods.end())
      return hint(
          context.route.at,
          "the route takes OPTIONS, but asks for credentials, which a browser's preflight never brings");
    const bool used =
        std::ranges::any_of(context.spec.services, [](const auto& s) { return s.cors.has_value(); }) ||
        std::ranges::any_of(context.spec.routes, [](const auto& r) { return r.cors.has_value(); });
    auto hinted = context.filters.shared<Hinted>([] { return std::make_shared<Hinted>(); });
    if (used || std::exchange(hinted->once, true)) return;
    hint(context.spec.auth->at,
         "nothing has `cors`: a browser's preflight brings no credentials, and gets 401 where they are asked "
         "for");
  }

  // Which service of a split answers is decided after the request steps: their own could not differ.
  static void check_split(const gateway::RouteContext& context, config::Diagnostics& diagnostics) {
    if (context.route.cors_given || !context.service) return;
    for (const config::Target& t : context.route.to) {
      auto s = std::ranges::find(context.spec.services, t.service, &config::ServiceSpec::name);
      if (s == context.spec.services.end() || s->cors == context.service->cors) continue;
      diagnostics.push_back({config::Diagnostic::Level::error, context.route.at,
                             "the route splits between `" + context.service->name + "` and `" + s->name +
                                 "`, whose `cors` differ",
                             "Write the same `cors` in both services, or put it into the route."});
      return;
    }
  }
};

}  // namespace

std::unique_ptr<gateway::FilterKind> cors_filter() { return std::make_unique<CorsFilter>(); }

}  // namespace gatehouse::filters
