// What people ask of an issuer's keys, and are told.
#include <fmt/format.h>

#include <algorithm>

#include "base/json_text.h"
#include "config/values.h"
#include "filters/auth/key_schedule.h"

namespace gatehouse::filters {
namespace {

std::int64_t whole_seconds(Duration d) { return std::max<Duration>(d, Duration::zero()) / 1s; }

}  // namespace

// ---- commands --------------------------------------------------------------------------------------------

std::string KeySchedule::known_names() const {
  std::string text;
  std::size_t shown = 0;
  for (const HeldKey& h : book_.held()) {
    if (++shown > 10) return text + ", ...";
    text += fmt::format("{}`{}`", text.empty() ? "" : ", ", name_of(h.key));
  }
  return text.empty() ? "none" : text;
}

net::Task<gateway::CommandResult> KeySchedule::revoke(std::string name, std::string who) {
  const auto self = shared_from_this();  // a reload may end the schedule meanwhile
  if (source_->secret)
    co_return std::unexpected(
        fmt::format("the key of issuer {} is a secret: change its `secret` instead", source_->name));
  const auto fresh = book_.revoke(name, who, context_.loop.wall());
  if (!fresh) {
    const bool held = std::ranges::any_of(book_.held(), [&](const HeldKey& h) {
      return h.key.kid() == name || thumbprint_text(h.key) == name;
    });
    co_return std::unexpected(held ? fmt::format("issuer {} has {} revoked keys, and no room for more",
                                                 source_->name, book_.revocations().size())
                                   : fmt::format("issuer {} has no key `{}`: it has {}", source_->name,
                                                 printable(name), known_names()));
  }
  if (publish()) source_->ring->wake_all();
  if (*fresh > 0) log(Severity::warning, fmt::format("`{}` was revoked by {}", printable(name), who));
  save();
  if (!co_await file_.written())
    co_return std::unexpected(
        fmt::format("key `{}` of issuer {} is revoked now, but that could not be kept on disk: a restart "
                    "forgets it. Write its thumbprint into `auth.revoked`",
                    printable(name), source_->name));
  JsonText json;
  json.begin_object().field("message", fmt::format("key `{}` of issuer {} is {}revoked", printable(name),
                                                   source_->name, *fresh > 0 ? "" : "already "));
  co_return json.end_object().take();
}

net::Task<gateway::CommandResult> KeySchedule::unrevoke(std::string name, std::string who) {
  const auto self = shared_from_this();
  const std::size_t ended = book_.unrevoke(name);
  auto of_configuration = [&](const HeldKey& h) {
    return (h.key.kid() == name || thumbprint_text(h.key) == name) &&
           book_.revoked_by_configuration(thumbprint_text(h.key));
  };
  const bool still =
      book_.revoked_by_configuration(name) || std::ranges::any_of(book_.held(), of_configuration);
  if (ended == 0 && !still)
    co_return std::unexpected(
        fmt::format("issuer {} has no revoked key `{}`", source_->name, printable(name)));
  if (publish()) source_->ring->wake_all();
  if (ended > 0) {
    log(Severity::warning, fmt::format("`{}` is no longer revoked, by {}", printable(name), who));
    save();
    if (!co_await file_.written())
      co_return std::unexpected(fmt::format(
          "key `{}` of issuer {} is no longer revoked, but that could not be kept on disk: after a "
          "restart it is revoked again",
          printable(name), source_->name));
  }
  if (still)
    co_return std::unexpected(
        fmt::format("key `{}` of issuer {} is revoked by the configuration: take it out of "
                    "`auth.revoked`",
                    printable(name), source_->name));
  JsonText json;
  json.begin_object().field(
      "message", fmt::format("key `{}` of issuer {} is no longer revoked", printable(name), source_->name));
  co_return json.end_object().take();
}

// ---- state -----------------------------------------------------------------------------------------------

std::optional<Duration> KeySchedule::age() const {
  if (!source_->fetched() || !book_.fetched()) return std::nullopt;
  return std::max<Duration>(context_.loop.wall() - *book_.fetched(), Duration::zero());
}

std::size_t KeySchedule::revoked_keys() const {
  std::size_t n = book_.revocations().size();
  for (const std::string& thumbprint : source_->revoked)
    n += std::ranges::find(book_.revocations(), thumbprint, &Revocation::thumbprint) ==
         book_.revocations().end();
  return n;
}

std::string_view KeySchedule::state() const {
  if (book_.in_force().empty()) return "none";
  if (!source_->fetched()) return "fresh";
  const auto old = age();
  return last_ && last_->good && old && *old <= ttl_ ? "fresh" : "stale";
}

void KeySchedule::show_keys(JsonText& json) const {
  const WallTime now = context_.loop.wall();
  json.key("keys").begin_array();
  for (const HeldKey& h : book_.held()) {
    // What hangs on a secret, its hash too, stays here.
    if (source_->secret) continue;
    const bool revoked = book_.revoked(h.key);
    json.begin_object().field("kid", h.key.kid()).field("thumbprint", thumbprint_text(h.key));
    json.key("algorithms").begin_array();
    for (std::size_t i = 0; i < jose::kAlgorithms; ++i)
      if (auto a = static_cast<jose::Algorithm>(i); h.key.algorithms().contains(a)) json.value(name_of(a));
    json.end_array().field("state", revoked ? "revoked" : h.removed ? "removed" : "current");
    if (const auto gone = book_.gone_at(h)) json.field("gone_in_seconds", whole_seconds(*gone - now));
    json.end_object();
  }
  json.end_array().key("revoked").begin_array();
  for (const Revocation& r : book_.revocations()) {
    json.begin_object().field("thumbprint", r.thumbprint).field("kid", r.kid);
    json.field("at", config::show_wall_time(r.at)).field("by", r.by).end_object();
  }
  for (const std::string& thumbprint : source_->revoked)
    json.begin_object().field("thumbprint", thumbprint).field("by", "configuration").end_object();
  json.end_array();
}

void KeySchedule::show(JsonText& json) const {
  const Time now = context_.loop.now();
  json.begin_object().field("name", source_->name).field("issuer", source_->shown);
  json.field("source", source_->discovery ? fmt::format("discovery {}", source_->discovery->shown)
                       : source_->jwks    ? fmt::format("jwks {}", source_->jwks->shown)
                       : source_->secret  ? std::string("secret")
                                          : std::string("file"));
  json.field("state", state());
  if (const auto old = age()) json.field("age_seconds", whole_seconds(*old));
  if (last_) {
    json.key("last_fetch").begin_object().field("ok", last_->good);
    json.field("at", config::show_wall_time(last_->at));
    if (!last_->good) json.field("failure", last_->failure.text);
    json.end_object();
  }
  if (source_->fetched()) {
    json.field("next_fetch_in_seconds", whole_seconds(next_start() - now));
    if (const auto rotation = ahead_.rotation()) json.field("rotation_seconds", whole_seconds(*rotation));
    if (const auto every = ahead_.interval(now))
      json.field("refresh_ahead_seconds", std::chrono::duration<double>(*every).count());
    json.key("rounds").begin_object().field("all", counts_.rounds).field("demanded", counts_.demanded);
    json.field("failed", counts_.failed_rounds).end_object();
    json.key("fetches").begin_object().field("good", counts_.fetched).field("failed", counts_.failed);
    json.end_object();
  }
  show_keys(json);
  json.end_object();
}

}  // namespace gatehouse::filters
