#include "filters/auth/key_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/json_text.h"
#include "filters/auth/key_schedule.h"
#include "gateway/snapshot.h"

namespace gatehouse::filters {
namespace {

enum Family : std::size_t { kKeys, kAge, kFetches, kRevoked };

// Thread: control's loop. What of an issuer is gone from the configuration ends; its file stays, so that a
// key that was revoked still is when the issuer comes back.
class KeyKeeper final : public gateway::BackgroundTask {
 public:
  explicit KeyKeeper(gateway::BackgroundContext context)
      : context_(std::move(context)), urls_(context_.client, context_.resolver) {}

  std::string_view name() const noexcept override { return "keys"; }
  net::Task<void> recall(std::shared_ptr<const gateway::Snapshot> snapshot) override;
  void apply(const std::shared_ptr<const gateway::Snapshot>& snapshot) override;
  std::string show() const override;
  net::Task<gateway::CommandResult> command(gateway::Command command) override;
  void measure(std::vector<gateway::Measurement>& out) const override;

 private:
  KeySchedule* find(std::string_view issuer) const;

  const gateway::BackgroundContext context_;
  upstream::UrlClient urls_;
  std::map<std::string, KeyBook> recalled_;  // by identity of the source, until it is applied
  std::vector<std::string> order_;           // identities as the configuration has them
  std::map<std::string, std::shared_ptr<KeySchedule>> schedules_;  // by identity; last: they use the others
};

net::Task<void> KeyKeeper::recall(std::shared_ptr<const gateway::Snapshot> snapshot) {
  recalled_.clear();
  const auto sources = snapshot->filters().find<KeySources>();
  if (!sources) co_return;
  for (const KeySource& source : sources->all) {
    const std::string identity = source.identity();
    if (source.secret || schedules_.contains(identity)) continue;
    const auto text = co_await context_.recall(key_file_name(source.issuer));
    if (!text) continue;
    auto book = KeyBook::parse(*text, identity, context_.loop.wall());
    if (book) {
      recalled_.insert_or_assign(identity, std::move(*book));
    } else {
      context_.log(Severity::warning, fmt::format("keys of issuer {}: what was kept of them is ignored: {}",
                                                  source.name, book.error()));
    }
  }
}

void KeyKeeper::apply(const std::shared_ptr<const gateway::Snapshot>& snapshot) {
  const auto sources = snapshot->filters().find<KeySources>();
  std::map<std::string, std::shared_ptr<KeySchedule>> next;
  std::vector<std::shared_ptr<KeySchedule>> fresh;
  order_.clear();
  const std::size_t count = sources ? sources->all.size() : 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::shared_ptr<const KeySource> source(sources, &sources->all[i]);
    std::string identity = source->identity();
    if (next.contains(identity)) continue;  // two names of one: they share a ring
    order_.push_back(identity);
    if (auto old = schedules_.find(identity); old != schedules_.end()) {
      old->second->update(std::move(source));
      next.emplace(std::move(identity), old->second);
      continue;
    }
    KeyBook kept;
    if (auto book = recalled_.find(identity); book != recalled_.end()) kept = std::move(book->second);
    auto schedule = std::make_shared<KeySchedule>(context_, urls_, std::move(source), std::move(kept));
    // Its keys come from elsewhere now. What was revoked stays so.
    for (const auto& [ignored, before] : schedules_)
      if (before->source().issuer == schedule->source().issuer) schedule->inherit(before->book());
    fresh.push_back(schedule);
    next.emplace(std::move(identity), std::move(schedule));
  }
  recalled_.clear();
  for (const auto& [identity, schedule] : schedules_) {
    if (next.contains(identity)) continue;
    schedule->end();
    // Who waits for a key of it is told at once that none comes.
    schedule->source().ring->round_started();
    schedule->source().ring->round_ended(false, {});
  }
  schedules_ = std::move(next);
  for (const auto& schedule : fresh) schedule->begin();
}

KeySchedule* KeyKeeper::find(std::string_view issuer) const {
  for (const auto& [identity, schedule] : schedules_)
    if (schedule->source().name == issuer || schedule->source().issuer == issuer) return schedule.get();
  return nullptr;
}

std::string KeyKeeper::show() const {
  JsonText json;
  json.begin_object().key("issuers").begin_array();
  for (const std::string& identity : order_) schedules_.at(identity)->show(json);
  return json.end_array().end_object().take();
}

net::Task<gateway::CommandResult> KeyKeeper::command(gateway::Command command) {
  const std::string_view issuer = command.argument("issuer");
  const std::string_view kid = command.argument("kid");
  const bool revoke = command.verb == "revoke";
  if (!revoke && command.verb != "unrevoke")
    co_return std::unexpected(fmt::format("keys know no command `{}`", printable(command.verb)));
  if (issuer.empty() || kid.empty())
    co_return std::unexpected(fmt::format("{} needs `issuer` and `kid`", command.verb));
  KeySchedule* schedule = find(issuer);
  if (!schedule) {
    std::string known;
    for (const std::string& identity : order_)
      known += fmt::format("{}`{}`", known.empty() ? "" : ", ", schedules_.at(identity)->source().name);
    co_return std::unexpected(fmt::format("there is no issuer `{}`: there is {}", printable(issuer),
                                          known.empty() ? "none" : known));
  }
  if (revoke) co_return co_await schedule->revoke(std::string(kid), command.who);
  co_return co_await schedule->unrevoke(std::string(kid), command.who);
}

void KeyKeeper::measure(std::vector<gateway::Measurement>& out) const {
  for (const std::string& identity : order_) {
    const KeySchedule& s = *schedules_.at(identity);
    const std::string& issuer = s.source().name;
    auto put = [&](Family family, double value) { out.push_back({family, {{"issuer", issuer}}, value}); };
    put(kKeys, static_cast<double>(s.book().in_force().size()));
    if (const auto age = s.age()) put(kAge, std::chrono::duration<double>(*age).count());
    if (s.source().fetched()) {
      auto fetches = [&](std::string result, std::uint64_t n) {
        out.push_back(
            {kFetches, {{"issuer", issuer}, {"result", std::move(result)}}, static_cast<double>(n)});
      };
      fetches("ok", s.counts().fetched);
      fetches("failed", s.counts().failed);
    }
    put(kRevoked, static_cast<double>(s.revoked_keys()));
  }
}

}  // namespace

std::unique_ptr<gateway::BackgroundTask> key_keeper(gateway::BackgroundContext context) {
  return std::make_unique<KeyKeeper>(std::move(context));
}

}  // namespace gatehouse::filters
