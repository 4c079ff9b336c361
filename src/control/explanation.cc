#include "control/explanation.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/arena.h"
#include "base/ip.h"
#include "control/json_text.h"
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

std::expected<gateway::Explanation, std::string> explain(const gateway::Router& router,
                                                         const config::Spec& spec, const Question& question) {
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
                            .host = host,
                            .path = head.path,
                            .client = client->bytes,
                            .listener = listener->name,
                            .attributes = nullptr};
  gateway::RouterScratch scratch(router);
  return gateway::explain(router, spec, query, scratch);
}

std::string explanation_json(const gateway::Explanation& e, const config::Spec& spec) {
  JsonText json;
  json.begin_object().field("result", choice_name(e.choice.kind)).field("why", e.why);
  if (e.choice.kind == gateway::RouteChoice::Kind::found) {
    const auto& route = spec.routes[e.choice.route];
    json.field("route", route.name).field("to", target_text(route)).field("at", place(route.at));
  }
  json.key("routes").begin_array();
  for (const auto& r : e.routes) {
    json.begin_object().field("name", r.name).field("verdict", kind_name(r.kind)).field("text", r.text);
    json.field("at", place(r.at));
    if (r.failed_at.line) json.field("failed_at", place(r.failed_at));
    json.end_object();
  }
  return json.end_array().end_object().take();
}

std::string explanation_text(const gateway::Explanation& e, const config::Spec& spec) {
  std::string out;
  if (e.choice.kind == gateway::RouteChoice::Kind::found) {
    const auto& route = spec.routes[e.choice.route];
    out += fmt::format("{} -> {}\n  {}\n  {}\n", route.name, target_text(route), place(route.at), e.why);
  } else {
    out += e.why + "\n";
  }
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
