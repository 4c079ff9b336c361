#include "control/explanation.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/arena.h"
#include "base/ip.h"
#include "base/json_text.h"
#include "base/printable.h"
#include "gateway/preflight.h"
#include "http/path.h"

namespace gatehouse::control {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

struct Url {
  std::string_view host;
  std::string_view target;
};

Url split_url(std::string_view url) {
  auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {{}, url};
  url.remove_prefix(scheme + 3);
  auto slash = url.find_first_of("/?");
  return {url.substr(0, slash), slash == std::string_view::npos ? "/" : url.substr(slash)};
}

std::string_view kind_name(gateway::RouteVerdict::Kind kind) {
  using Kind = gateway::RouteVerdict::Kind;
  switch (kind) {
    case Kind::chosen: return "chosen";
    case Kind::needs_identity: return "needs_identity";
    case Kind::outranked: return "outranked";
    case Kind::wrong_method: return "wrong_method";
    case Kind::condition_failed: return "condition_failed";
    case Kind::other_path: return "other_path";
  }
  return "";
}

std::string_view choice_name(gateway::RouteChoice::Kind kind) {
  using Kind = gateway::RouteChoice::Kind;
  switch (kind) {
    case Kind::no_route: return "no_route";
    case Kind::wrong_method: return "wrong_method";
    case Kind::needs_attributes: return "needs_identity";
    case Kind::found: return "found";
  }
  return "";
}

std::string target_text(const config::RouteSpec& route) {
  if (route.redirect) return "redirect to " + route.redirect->to.source();
  if (route.reply) return fmt::format("reply {}", route.reply->status);
  std::string text;
  for (const auto& t : route.to) {
    text += text.empty() ? "" : ", ";
    text += shown(t);
    if (route.to.size() > 1) text += fmt::format(" {}%", t.percent);
  }
  return text;
}

std::string place(const config::Location& at) { return fmt::format("{}:{}:{}", at.file, at.line, at.column); }

}  // namespace

std::expected<std::pair<std::string, std::string>, std::string> parse_header(std::string_view line) {
  auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0)
    return std::unexpected(fmt::format("`{}` is no header. Write `Name: value`", line));
  return std::pair(std::string(trimmed(line.substr(0, colon))), std::string(trimmed(line.substr(colon + 1))));
}

namespace {

// A preflight that the gateway answers is explained by the request that it announces.
std::optional<gateway::Explanation> explain_preflight(const gateway::Router& router, const config::Spec& spec,
                                                      gateway::RouteQuery query,
                                                      gateway::RouterScratch& scratch) {
  const std::string_view method = gateway::method_announced_by(*query.request);
  if (method.empty()) return std::nullopt;
  const gateway::RouteChoice choice = gateway::match_announced(router, query, method, scratch);
  if (choice.kind != gateway::RouteChoice::Kind::found) return std::nullopt;
  const config::RouteSpec& route = spec.routes[choice.route];
  auto service = spec.services.end();
  if (!route.to.empty())
    service = std::ranges::find(spec.services, route.to.front().service, &config::ServiceSpec::name);
  if (config::cors_of(route, service == spec.services.end() ? nullptr : &*service) == nullptr)
    return std::nullopt;
  gateway::Explanation e = gateway::explain(router, spec, query, scratch);
  e.why = fmt::format("a preflight for {}, answered by `cors`: {}", method, e.why);
  return e;
}

// A request that the gateway refuses before its limits are asked (401, 403, 404, 405) meets those that need
// no route.
std::vector<gateway::LimitFinding> limits_met(const Explained& e, const gateway::Snapshot& snapshot,
                                              const gateway::RouteQuery& query, std::optional<Time> moment) {
  const auto inspector = snapshot.filters().find<gateway::LimitInspector>();
  const std::uint16_t refused = e.auth ? e.auth->status : 0;
  if (!inspector || (refused != 0 && refused != 401 && refused != 403)) return {};
  const auto route = e.served() ? std::optional(e.route.choice.route) : std::nullopt;
  const auto* identity = e.credentials ? e.credentials->caller.identity : nullptr;
  return inspector->inspect(query, identity, snapshot.spec(), route, moment);
}

}  // namespace

std::expected<Explained, std::string> explain(const gateway::Snapshot& snapshot, const Question& question,
                                              WallTime now, std::optional<Time> moment) {
  const gateway::Router& router = snapshot.router();
  const config::Spec& spec = snapshot.spec();
  BlockPool pool;
  Arena arena(pool);
  http::RequestHead head(arena);
  head.method_text = question.method;
  head.method = http::method_of(question.method);
  for (const auto& [name, value] : question.headers) {
    if (http::iequals(name, "host")) {
      head.host = value;
    } else {
      head.headers.add(name, value);
    }
  }
  Url url = split_url(question.url);
  if (!url.host.empty()) head.host = url.host;
  const std::string text = (url.target.starts_with('?') ? "/" : "") + std::string(url.target);
  auto target = http::split_target(text);
  if (!target)
    return std::unexpected(fmt::format("`{}` is no path or URL: {}", question.url, target.error().detail));
  auto listener = std::ranges::find(spec.listeners, question.listener, &config::ListenerSpec::name);
  if (question.listener.empty()) listener = spec.listeners.begin();
  if (listener == spec.listeners.end())
    return std::unexpected(fmt::format("there is no listener `{}`", question.listener));
  auto path = http::normalise_path(target->path, {.merge_slashes = listener->merge_slashes}, arena);
  if (!path) return std::unexpected(fmt::format("the path is refused with 400: {}", path.error().detail));
  auto client = parse_ip(question.client);
  if (!client) return std::unexpected(fmt::format("`{}` is no IP address", question.client));
  head.path = path->path;
  head.query = target->query;
  std::string host = lower(gateway::without_root_dot(http::host_without_port(head.host)));
  gateway::RouteQuery query{.request = &head,
                            .method = head.method,
                            .method_text = head.method_text,
                            .host = host,
                            .path = head.path,
                            .client = client->bytes,
                            .listener = listener->name,
                            .attributes = nullptr};
  gateway::RouterScratch scratch(router);
  if (auto answered = explain_preflight(router, spec, query, scratch)) return Explained{.route = *answered};
  Explained e;
  gateway::Attributes attributes;
  const auto inspector = snapshot.filters().find<gateway::CredentialInspector>();
  if (inspector) {
    e.credentials = inspector->inspect(head, now, arena);
    if (const auto* identity = e.credentials->caller.identity) attributes.items = identity->attributes;
    query.attributes = &attributes;
  }
  e.route = gateway::explain(router, spec, query, scratch);
  if (inspector && e.route.choice.kind == gateway::RouteChoice::Kind::found)
    e.auth = inspector->judge(*e.credentials, query, spec, spec.routes[e.route.choice.route]);
  if (!listener->redirect) e.limits = limits_met(e, snapshot, query, moment);
  if (e.credentials) e.credentials->caller.identity = nullptr;  // the arena's
  return e;
}

std::optional<gateway::CredentialFindings> inspect_token(const gateway::Snapshot& snapshot,
                                                         std::string_view token, WallTime now) {
  const auto inspector = snapshot.filters().find<gateway::CredentialInspector>();
  if (!inspector) return std::nullopt;
  BlockPool pool;
  Arena arena(pool);
  gateway::CredentialFindings f = inspector->inspect_token(token, now, arena);
  f.caller.identity = nullptr;
  return f;
}

namespace {

void put_findings(JsonText& json, const gateway::CredentialFindings& f) {
  json.begin_object().field("method", f.method);
  json.field("accepted", !f.method.empty() && !f.caller.refused && !f.undecided)
      .field("undecided", f.undecided);
  if (f.caller.refused) json.field("reason", errc_info(f.caller.refused->code).reason);
  json.key("checks").begin_array();
  for (const auto& check : f.checks)
    json.begin_object().field("good", check.good).field("what", check.what).end_object();
  json.end_array();
  if (!f.document.empty()) json.field("document", f.document);
  json.end_object();
}

std::string findings_text(const gateway::CredentialFindings& f) {
  std::string out;
  for (const auto& check : f.checks)
    out += fmt::format("  {} {}\n", check.good ? "+" : "-", without_controls(check.what));
  return out;
}

}  // namespace

std::string findings_json(const gateway::CredentialFindings& f) {
  JsonText json;
  put_findings(json, f);
  return json.take();
}

namespace {

void put_limits(JsonText& json, const std::vector<gateway::LimitFinding>& limits) {
  json.key("limits").begin_array();
  for (const auto& f : limits) {
    json.begin_object().field("name", f.name).field("rate", f.rate);
    if (!f.per.empty()) json.field("per", f.per).field("key", f.counted);
    if (f.dry_run) json.field("dry_run", true);
    if (f.level) {
      json.field("burst", f.level->burst).field("remaining", f.level->remaining);
      json.field("wait_ms", std::chrono::ceil<std::chrono::milliseconds>(f.level->wait).count());
    }
    json.end_object();
  }
  json.end_array();
}

std::string limits_text(const std::vector<gateway::LimitFinding>& limits) {
  std::string out;
  for (const auto& f : limits) {
    out += fmt::format("{}  {}: {}", out.empty() ? "\nlimits:\n" : "", f.name, f.rate);
    if (!f.per.empty()) out += fmt::format(" per {}, counted for {}", f.per, without_controls(f.counted));
    if (f.level) out += fmt::format(", {} of {} left", f.level->remaining, f.level->burst);
    out += f.dry_run ? " (dry run)\n" : "\n";
  }
  return out;
}

}  // namespace

std::string explanation_json(const Explained& explained, const config::Spec& spec) {
  const gateway::Explanation& e = explained.route;
  JsonText json;
  json.begin_object().field("result", choice_name(e.choice.kind)).field("why", e.why);
  if (e.choice.kind == gateway::RouteChoice::Kind::found) {
    const auto& route = spec.routes[e.choice.route];
    json.field("route", route.name).field("to", target_text(route)).field("at", place(route.at));
  }
  if (explained.credentials) {
    json.key("credentials");
    put_findings(json, *explained.credentials);
  }
  if (explained.auth) {
    json.key("auth")
        .begin_object()
        .field("rule", explained.auth->rule)
        .field("status", explained.auth->status);
    json.field("why", explained.auth->why).end_object();
  }
  if (!explained.limits.empty()) put_limits(json, explained.limits);
  json.key("routes").begin_array();
  for (const auto& r : e.routes) {
    json.begin_object().field("name", r.name).field("verdict", kind_name(r.kind)).field("text", r.text);
    json.field("at", place(r.at));
    if (r.failed_at.line) json.field("failed_at", place(r.failed_at));
    json.end_object();
  }
  return json.end_array().end_object().take();
}

std::string explanation_text(const Explained& explained, const config::Spec& spec) {
  const gateway::Explanation& e = explained.route;
  std::string out;
  if (e.choice.kind == gateway::RouteChoice::Kind::found) {
    const auto& route = spec.routes[e.choice.route];
    out += fmt::format("{} -> {}\n  {}\n  {}\n", route.name, target_text(route), place(route.at), e.why);
  } else {
    out += e.why + "\n";
  }
  if (explained.auth)
    out += explained.auth->status == 0
               ? fmt::format("\nauth {}: it goes on, {}\n", explained.auth->rule, explained.auth->why)
               : fmt::format("\nauth {}: refused with {}, {}\n", explained.auth->rule, explained.auth->status,
                             explained.auth->why);
  if (explained.credentials && (!explained.auth || explained.auth->rule != "off"))
    out += fmt::format("credentials: {}\n{}",
                       explained.credentials->method.empty() ? "none" : explained.credentials->method,
                       explained.credentials->checks.empty() ? "" : findings_text(*explained.credentials));
  out += limits_text(explained.limits);
  bool header = false;
  for (const auto& r : e.routes) {
    if (r.kind == gateway::RouteVerdict::Kind::chosen) continue;
    if (!header) out += "\nThe other routes of this host:\n";
    header = true;
    out += fmt::format("  {}: {}", r.name, r.text);
    out += fmt::format("  ({})\n", place(r.failed_at.line ? r.failed_at : r.at));
  }
  return out;
}

}  // namespace gatehouse::control
