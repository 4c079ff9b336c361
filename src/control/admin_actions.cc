// What the admin API does: publish, reload, roll back, set the log level.
#include <fmt/format.h>

#include "base/json_text.h"
#include "control/admin_call.h"
#include "control/admin_target.h"
#include "control/control.h"
#include "control/explanation.h"

namespace gatehouse::control {
namespace {

// The whole body, at most kMaxBody bytes.
net::Task<Result<std::string>> read_body(AdminCall& call) {
  std::string text;
  upstream::BodySource* body = call.x.body();
  while (body) {
    auto piece = co_await upstream::pull(*body);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->kind != upstream::Piece::Kind::data) break;
    if (text.size() + piece->data.size() > AdminTarget::kMaxBody)
      co_return fail(Errc::body_too_large, "a configuration has at most 4 MB", Origin::client);
    text += piece->data.view();
  }
  co_return text;
}

gateway::Reply answer_to(AdminCall& call, const ChangeResult& r) {
  using Outcome = ChangeResult::Outcome;
  bool conflict = r.outcome == Outcome::conflict || r.outcome == Outcome::overtaken;
  std::uint16_t status = r.outcome == Outcome::refused ? 422 : conflict ? 409 : 200;
  JsonText json;
  json.begin_object();
  if (status != 200) {
    json.field("type", "about:blank").field("title", http::reason_phrase(status)).field("status", status);
    json.field("detail", r.message);
  } else {
    json.field("outcome", r.outcome == Outcome::published ? "published" : "unchanged")
        .field("message", r.message);
  }
  json.field("version", r.version);
  json.field("differs_from_disk", call.control.configuration().differs_from_disk());
  put_diagnostics(json.key("diagnostics"), r.diagnostics);
  json.end_object();
  return text_reply(call.x, status, status == 200 ? "application/json" : "application/problem+json",
                    json.take());
}

gateway::Reply not_read(AdminCall& call, const Error& e) {
  return problem(call.x, errc_info(e.code).status ? errc_info(e.code).status : 400, e.detail);
}

// A command to the background task `name`, with those of `arguments` that the query has.
AdminReply command(AdminCall call, const char* name, const char* verb, std::array<const char*, 2> arguments) {
  gateway::BackgroundTask* task = call.control.task(name);
  if (!task) co_return problem(call.x, 422, fmt::format("this gateway has no {}", name));
  gateway::Command command{.verb = verb, .arguments = {}, .who = call.who};
  for (std::string_view argument : arguments)
    if (auto value = query_value(call.x, argument))
      command.arguments.emplace_back(argument, std::move(*value));
  auto result = co_await task->command(std::move(command));
  if (!result) co_return problem(call.x, 422, result.error());
  co_return json_reply(call.x, 200, *result);
}

// Publication waits for the first configuration: before it there is nothing to change.
bool started(AdminCall& call) { return call.control.configuration().running().version != 0; }

gateway::Reply too_early(AdminCall& call) {
  return problem(call.x, 503, "the first configuration is not in force yet");
}

}  // namespace

AdminReply put_config(AdminCall call) {
  auto text = co_await read_body(call);
  if (!text) co_return not_read(call, text.error());
  if (!started(call)) co_return too_early(call);
  auto result = co_await call.control.configuration().change({.kind = Change::Kind::text,
                                                              .save = query_flag(call.x, "save"),
                                                              .text = std::move(*text),
                                                              .who = call.who});
  co_return answer_to(call, result);
}

AdminReply reload(AdminCall call) {
  if (!started(call)) co_return too_early(call);
  auto result = co_await call.control.configuration().change(
      {.kind = Change::Kind::disk, .force = query_flag(call.x, "force"), .who = call.who});
  co_return answer_to(call, result);
}

AdminReply roll_back(AdminCall call) {
  if (!started(call)) co_return too_early(call);
  auto result =
      co_await call.control.configuration().change({.kind = Change::Kind::rollback, .who = call.who});
  co_return answer_to(call, result);
}

AdminReply revoke_key(AdminCall call) {
  return command(std::move(call), "keys", "revoke", {"issuer", "kid"});
}
AdminReply unrevoke_key(AdminCall call) {
  return command(std::move(call), "keys", "unrevoke", {"issuer", "kid"});
}
AdminReply reset_limit(AdminCall call) {
  return command(std::move(call), "limits", "reset", {"key", "limit"});
}

// All of them, or what one key owes.
AdminReply show_limits(AdminCall call) {
  if (query_value(call.x, "key")) return command(std::move(call), "limits", "show", {"key", "limit"});
  return show_task(std::move(call), "limits", R"({"limits":[],"most_refused":[]})");
}

// The body is the token: a URL would be kept by who knows whom.
AdminReply inspect_token(AdminCall call) {
  auto token = co_await read_body(call);
  if (!token) co_return not_read(call, token.error());
  auto snapshot = call.control.publisher().snapshot();
  if (!snapshot) co_return too_early(call);
  const auto findings = inspect_token(*snapshot, *token, call.control.loop().wall());
  if (!findings) co_return problem(call.x, 422, "the running configuration has no `auth`");
  co_return json_reply(call.x, 200, findings_json(*findings));
}

// The body is a level by itself or as JSON: `debug`, `{"level":"debug"}`.
AdminReply put_log_level(AdminCall call) {
  auto text = co_await read_body(call);
  if (!text) co_return not_read(call, text.error());
  std::string_view word = *text;
  constexpr std::string_view kAround = "{}\":\n\r\t ";
  if (word.starts_with('{'))
    if (auto colon = word.find(':'); colon != std::string_view::npos) word.remove_prefix(colon);
  while (!word.empty() && kAround.contains(word.front())) word.remove_prefix(1);
  while (!word.empty() && kAround.contains(word.back())) word.remove_suffix(1);
  auto level = level_of(word);
  if (!level) co_return problem(call.x, 400, "a level is one of debug, info, warning, error");
  call.control.log().set_level(*level);
  call.control.log().write(Severity::info,
                           fmt::format("log level {} set by {}", level_name(*level), call.who));
  co_return co_await show_log_level(std::move(call));
}

}  // namespace gatehouse::control
