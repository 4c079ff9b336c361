#include "control/admin_target.h"

#include <fmt/format.h>

#include <array>

#include "base/json_text.h"
#include "control/admin_access.h"
#include "control/admin_call.h"
#include "control/control.h"
#include "http/path.h"

namespace gatehouse::control {
namespace {

struct AdminRoute {
  http::Method method;
  std::string_view path;
  bool open;  // needs no token
  AdminReply (*serve)(AdminCall call);
};

// All that the admin API has.
constexpr std::array kRoutes{
    AdminRoute{http::Method::get, "/healthz", true, healthz},
    AdminRoute{http::Method::get, "/readyz", true, readyz},
    AdminRoute{http::Method::get, "/metrics", true, metrics},
    AdminRoute{http::Method::get, "/config", false, show_config},
    AdminRoute{http::Method::put, "/config", false, put_config},
    AdminRoute{http::Method::get, "/routes", false, show_routes},
    AdminRoute{http::Method::get, "/services", false, show_services},
    AdminRoute{http::Method::get, "/explain", false, show_explanation},
    AdminRoute{http::Method::post, "/token/inspect", false, inspect_token},
    AdminRoute{http::Method::post, "/reload", false, reload},
    AdminRoute{http::Method::post, "/rollback", false, roll_back},
    AdminRoute{http::Method::get, "/keys", false, show_keys},
    AdminRoute{http::Method::post, "/keys/revoke", false, revoke_key},
    AdminRoute{http::Method::post, "/keys/unrevoke", false, unrevoke_key},
    AdminRoute{http::Method::get, "/limits", false, show_limits},
    AdminRoute{http::Method::post, "/limits/reset", false, reset_limit},
    AdminRoute{http::Method::get, "/log-level", false, show_log_level},
    AdminRoute{http::Method::put, "/log-level", false, put_log_level},
    AdminRoute{http::Method::get, "/version", false, show_version},
};

gateway::Reply no_such_method(gateway::Exchange& x, std::string_view path) {
  std::string allowed;
  for (const auto& r : kRoutes) {
    if (r.path != path) continue;
    if (!allowed.empty()) allowed += ", ";
    allowed += r.method == http::Method::get ? "GET, HEAD" : r.method == http::Method::put ? "PUT" : "POST";
  }
  gateway::Reply reply = problem(x, 405, "this path does not take this method");
  reply.head->headers.add(http::HeaderId::allow, x.arena().copy(allowed));
  return reply;
}

}  // namespace

net::Task<Result<gateway::Reply>> AdminTarget::answer(gateway::Exchange& x) const {
  const http::RequestHead& head = x.request();
  // The token in force is the running configuration's; before there is one, that of the first.
  const auto& running = control_.configuration().running().spec;
  const auto spec = running ? running : control_.configuration().disk().spec;
  if (auto why = refuse_browser(head, spec->admin); !why.empty()) co_return problem(x, 403, why);
  http::Method method = head.method == http::Method::head ? http::Method::get : head.method;
  const AdminRoute* found = nullptr;
  bool path_known = false;
  for (const auto& r : kRoutes) {
    path_known = path_known || r.path == head.path;
    if (r.path == head.path && r.method == method) found = &r;
  }
  if (found && found->open) co_return co_await found->serve({control_, x, {}});
  auto who = who_is(head, spec->admin, control_.random_token());
  if (!who) {
    gateway::Reply reply =
        problem(x, 401, "this needs `Authorization: Bearer TOKEN` with a token of `admin`");
    reply.head->headers.add("WWW-Authenticate", "Bearer");
    co_return reply;
  }
  if (!path_known) co_return problem(x, 404, "the admin API has no such path");
  if (!found) co_return no_such_method(x, head.path);
  co_return co_await found->serve({control_, x, std::move(*who)});
}

gateway::Reply text_reply(gateway::Exchange& x, std::uint16_t status, std::string_view type,
                          std::string_view text) {
  auto* head = x.new_response(status);
  head->headers.add(http::HeaderId::content_type, type);
  head->headers.add(http::HeaderId::cache_control, "no-store");
  return {head, upstream::make_in<upstream::TextBody>(x.arena(), x.arena().copy(text))};
}

gateway::Reply json_reply(gateway::Exchange& x, std::uint16_t status, std::string_view text) {
  return text_reply(x, status, "application/json", text);
}

gateway::Reply problem(gateway::Exchange& x, std::uint16_t status, std::string_view detail) {
  JsonText json;
  json.begin_object().field("type", "about:blank").field("title", http::reason_phrase(status));
  json.field("status", status).field("detail", detail).field("request_id", x.request_id()).end_object();
  return text_reply(x, status, "application/problem+json", json.take());
}

std::string decode_query(std::string_view text) {
  auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::optional<std::string> query_value(gateway::Exchange& x, std::string_view name) {
  std::optional<std::string> found;
  http::for_each_query(x.request().query, name, [&](std::string_view v) {
    if (!found) found = decode_query(v);
  });
  return found;
}

bool query_flag(gateway::Exchange& x, std::string_view name) {
  auto value = query_value(x, name);
  return value && *value != "false" && *value != "0";
}

void put_diagnostics(JsonText& json, const config::Diagnostics& diagnostics) {
  json.begin_array();
  for (const auto& d : diagnostics) {
    using Level = config::Diagnostic::Level;
    json.begin_object();
    json.field("level", d.level == Level::error ? "error" : d.level == Level::warning ? "warning" : "hint");
    if (!d.at.file.empty()) json.field("file", d.at.file);
    if (d.at.line) json.field("line", d.at.line).field("column", d.at.column);
    json.field("message", d.message);
    if (!d.instead.empty()) json.field("instead", d.instead);
    json.field("text", d.text()).end_object();
  }
  json.end_array();
}

std::string time_text(WallTime time) {
  std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm tm{};
  ::gmtime_r(&seconds, &tm);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm)};
}

}  // namespace gatehouse::control
