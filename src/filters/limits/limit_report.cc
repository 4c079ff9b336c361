#include "filters/limits/limit_report.h"

#include "base/json_text.h"
#include "config/values.h"
#include "filters/limits/limiter.h"

namespace gatehouse::filters {
namespace {

using By = config::LimitBy::Kind;
using Kind = CountedBy::Kind;

std::uint64_t milliseconds_up(std::int64_t nanoseconds) {
  return static_cast<std::uint64_t>((nanoseconds + 999'999) / 1'000'000);
}

template <class Use>
void each_named(const LimitPolicy& policy, std::string_view name, Use use) {
  for (const auto& u : policy.all)
    if (name.empty() || u->limit->name() == name) use(*u);
}

// What `text` may mean to a limit: the text that is counted, and an address.
std::vector<CountedBy> meanings(const LimitUse& use, std::string_view text) {
  std::vector<CountedBy> all;
  if (use.limit->is_whole()) {
    if (text.empty()) all.emplace_back();
    return all;
  }
  if (text.empty()) return all;
  if (use.by().kind != By::ip)
    all.push_back({.kind = use.by().kind == By::header ? Kind::header : Kind::text, .text = text});
  if (text.ends_with("/64")) text.remove_suffix(3);
  if (const auto ip = parse_ip(text)) all.push_back({.kind = Kind::address, .address = network_of(*ip)});
  return all;
}

void put_level(JsonText& json, const LimitUse& use, std::int64_t debt) {
  const Portion& portion = use.limit->terms().portion;
  json.field("burst", portion.burst());
  json.field("remaining", remaining(portion, debt));
  json.field("wait_ms", milliseconds_up(decide(portion, debt, 0, 1).wait));  // for one more
  json.field("full_in_ms", milliseconds_up(debt));
}

std::string per_text(const LimitUse& use, const CountedBy& counted) {
  return counted.kind == Kind::address ? "ip" : config::show_limit_by(use.by());
}

void put_talkers(JsonText& json, const LimitPolicy& policy, std::int64_t now) {
  json.key("most_refused").begin_array();
  for (const SharedTalkers::Talker& t : policy.talkers->top(kTopTalkers, now)) {
    each_named(policy, {}, [&](const LimitUse& use) {
      if (use.limit->number() != t.limit) return;
      json.begin_object().field("limit", use.limit->name()).field("key", t.shown());
      json.field("refused", t.refused).end_object();
    });
  }
  json.end_array();
}

}  // namespace

std::string show_limits(const LimitPolicy& policy, std::int64_t now) {
  JsonText json;
  json.begin_object().key("limits").begin_array();
  each_named(policy, {}, [&](const LimitUse& use) {
    SharedLimit& limit = *use.limit;
    json.begin_object().field("name", limit.name()).field("rate", config::show_rate(use.rate));
    if (!limit.is_whole()) json.field("per", config::show_limit_by(limit.by()));
    if (use.dry_run) json.field("dry_run", true);
    json.field("admitted", limit.sum(&LimitCounts::admitted));
    json.field("refused", limit.sum(&LimitCounts::refused));
    json.field("would_refuse", limit.sum(&LimitCounts::dry_run));
    if (limit.is_whole()) put_level(json, use, debt_of(*policy.table, limit, {}, now));
    json.end_object();
  });
  json.end_array();
  put_talkers(json, policy, now);
  return json.end_object().take();
}

std::string show_key(const LimitPolicy& policy, std::string_view key, std::string_view limit,
                     std::int64_t now) {
  JsonText json;
  json.begin_object().field("key", key).key("limits").begin_array();
  each_named(policy, limit, [&](const LimitUse& use) {
    for (const CountedBy& counted : meanings(use, key)) {
      const std::int64_t debt =
          debt_of(*policy.table, *use.limit, key_of(use, counted, policy.table->secret()), now);
      if (debt == 0) continue;
      json.begin_object().field("name", use.limit->name()).field("per", per_text(use, counted));
      put_level(json, use, debt);
      json.end_object();
    }
  });
  return json.end_array().end_object().take();
}

std::vector<Forgiven> reset_key(const LimitPolicy& policy, std::string_view key, std::string_view limit,
                                std::int64_t now) {
  std::vector<Forgiven> done;
  BlockPool pool;
  Arena arena(pool);
  each_named(policy, limit, [&](const LimitUse& use) {
    for (const CountedBy& counted : meanings(use, key)) {
      const LimitKey hash = key_of(use, counted, policy.table->secret());
      if (debt_of(*policy.table, *use.limit, hash, now) == 0) continue;
      forget(*policy.table, *use.limit, hash);
      done.push_back({use.limit->name(), std::string(shown(counted, hash, arena))});
    }
  });
  return done;
}

}  // namespace gatehouse::filters
