// What the admin API shows.
#include <fmt/format.h>

#include <algorithm>

#include "base/json_text.h"
#include "config/loader.h"
#include "config/values.h"
#include "control/admin_call.h"
#include "control/control.h"
#include "control/explanation.h"
#include "http/path.h"

namespace gatehouse::control {
namespace {

std::string_view state_name(upstream::EndpointSet::State state) {
  using State = upstream::EndpointSet::State;
  switch (state) {
    case State::resolving: return "resolving";
    case State::ready: return "ready";
    case State::failed: return "failed";
  }
  return "";
}

void put_endpoint(JsonText& json, const upstream::Endpoint& e, const EndpointLoads& loads, Control& control) {
  Time now = control.loop().now();
  const CheckStatus* check = control.health().status(e);
  json.begin_object().field("endpoint", e.name());
  json.field("health", !check ? "unchecked" : check->up ? "up" : "down");
  if (check && !check->failure.empty()) json.field("last_check", check->failure);
  json.field("left_out", e.left_out(now));
  auto load = loads.find(&e);
  json.field("in_flight", load == loads.end() ? 0 : load->second.in_flight);
  json.field("pool", load == loads.end() ? 0 : load->second.idle);
  json.end_object();
}

void put_service(JsonText& json, const upstream::Service& service, const config::ServiceSpec* spec,
                 const EndpointLoads& loads, Control& control) {
  json.begin_object().field("name", service.name).field("in_flight", service.shared->in_flight.count());
  json.field("max_in_flight", service.policy.max_in_flight);
  json.key("versions").begin_array();
  for (const auto& version : service.versions) {
    auto set = version.shared->slot.load();
    json.begin_object().field("name", version.name).field("state", state_name(set->state));
    if (!set->reason.empty()) json.field("reason", set->reason);
    if (spec) {
      auto v = std::ranges::find(spec->versions, version.name, &config::VersionSpec::name);
      json.key("urls").begin_array();
      if (v != spec->versions.end())
        for (const auto& url : v->urls) json.value(url.text);
      json.end_array();
    }
    json.key("endpoints").begin_array();
    for (const auto& e : set->endpoints) put_endpoint(json, *e, loads, control);
    json.end_array().end_object();
  }
  json.end_array().end_object();
}

gateway::Reply not_yet(AdminCall& call) { return problem(call.x, 503, "no configuration is in force yet"); }

}  // namespace

AdminReply healthz(AdminCall call) { co_return json_reply(call.x, 200, "{\"status\":\"ok\"}\n"); }

AdminReply readyz(AdminCall call) {
  Readiness r = call.control.readiness();
  JsonText json;
  json.begin_object().field("status", r.ready ? "ready" : "not ready");
  if (!r.ready) json.field("reason", r.reason);
  json.field("version", call.control.configuration().running().version);
  json.field("differs_from_disk", call.control.configuration().differs_from_disk()).end_object();
  co_return json_reply(call.x, r.ready ? 200 : 503, json.take());
}

AdminReply metrics(AdminCall call) {
  auto format = metrics_format(call.x.request().headers.value(http::HeaderId::accept));
  co_return text_reply(call.x, 200, metrics_content_type(format), call.control.metrics(format));
}

AdminReply show_config(AdminCall call) {
  const auto& spec = call.control.configuration().running().spec;
  if (!spec) co_return not_yet(call);
  co_return text_reply(call.x, 200, "application/yaml", config::print(*spec));
}

AdminReply show_routes(AdminCall call) {
  auto spec = call.control.configuration().running().spec;
  if (!spec) co_return not_yet(call);
  JsonText json;
  json.begin_object().key("routes").begin_array();
  for (const auto& open : gateway::open_routes(*spec)) {
    const auto& route = spec->routes[open.route];
    json.begin_object().field("name", route.name).field("listener", open.listener).field("host", open.host);
    json.field("path", open.path).field("methods", open.methods).field("to", open.target);
    if (!open.when.empty()) json.field("when", open.when);
    json.field("credentials", !open.open);
    if (!open.auth.empty()) json.field("auth", open.auth);
    json.field("at", fmt::format("{}:{}:{}", route.at.file, route.at.line, route.at.column)).end_object();
  }
  co_return json_reply(call.x, 200, json.end_array().end_object().take());
}

AdminReply show_services(AdminCall call) {
  auto snapshot = call.control.publisher().snapshot();
  if (!snapshot) co_return not_yet(call);
  EndpointLoads loads = co_await call.control.loads();
  JsonText json;
  json.begin_object().key("services").begin_array();
  for (const auto& service : snapshot->services()) {
    const auto& specs = snapshot->spec().services;
    auto spec = std::ranges::find(specs, service.name, &config::ServiceSpec::name);
    put_service(json, service, spec == specs.end() ? nullptr : &*spec, loads, call.control);
  }
  co_return json_reply(call.x, 200, json.end_array().end_object().take());
}

AdminReply show_explanation(AdminCall call) {
  auto snapshot = call.control.publisher().snapshot();
  if (!snapshot) co_return not_yet(call);
  Question question;
  if (auto method = query_value(call.x, "method")) question.method = *method;
  if (auto url = query_value(call.x, "url")) question.url = *url;
  if (auto listener = query_value(call.x, "listener")) question.listener = *listener;
  if (auto client = query_value(call.x, "client")) question.client = *client;
  std::string trouble;
  http::for_each_query(call.x.request().query, "header", [&](std::string_view value) {
    auto header = parse_header(decode_query(value));
    if (header) {
      question.headers.push_back(std::move(*header));
    } else {
      trouble = header.error();
    }
  });
  if (!trouble.empty()) co_return problem(call.x, 400, trouble);
  const net::Loop& loop = call.control.loop();
  auto answer = explain(*snapshot, question, loop.wall(), loop.now());
  if (!answer) co_return problem(call.x, 400, answer.error());
  co_return json_reply(call.x, 200, explanation_json(*answer, snapshot->spec()));
}

AdminReply show_version(AdminCall call) {
  const Configuration& c = call.control.configuration();
  const Running& r = c.running();
  JsonText json;
  json.begin_object().field("version", GATEHOUSE_VERSION).key("configuration").begin_object();
  json.field("version", r.version).field("from", r.what).field("by", r.who).field("at", time_text(r.when));
  json.field("differs_from_disk", c.differs_from_disk())
      .field("can_roll_back", c.has_previous())
      .end_object();
  co_return json_reply(call.x, 200, json.end_object().take());
}

AdminReply show_task(AdminCall call, const char* name, const char* none) {
  const gateway::BackgroundTask* task = call.control.task(name);
  co_return json_reply(call.x, 200, task ? task->show() : none);
}

AdminReply show_keys(AdminCall call) { return show_task(std::move(call), "keys", "{\"issuers\":[]}\n"); }

AdminReply show_log_level(AdminCall call) {
  JsonText json;
  json.begin_object().field("level", level_name(call.control.log().level())).end_object();
  co_return json_reply(call.x, 200, json.take());
}

}  // namespace gatehouse::control
