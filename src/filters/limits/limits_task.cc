#include "filters/limits/limits_task.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/json_text.h"
#include "base/printable.h"
#include "config/values.h"
#include "filters/limits/limit_key.h"
#include "filters/limits/limiter.h"
#include "gateway/snapshot.h"

namespace gatehouse::filters {
namespace {

using gateway::MetricFamily;

enum Family : std::size_t { kRequests, kRaced, kOverflowed, kPlaces, kLevels };
constexpr std::array kFamilies = {
    MetricFamily{"gatehouse_limit_requests", true, "limit, result",
                 "requests that met a limit; `admitted`, `refused` (by it), `dry_run` (it would have)"},
    MetricFamily{"gatehouse_limit_raced", true, "limit",
                 "requests refused because another charge came between, at most; there may have been room"},
    MetricFamily{"gatehouse_limit_overflowed", true, "limit",
                 "requests whose key had no place in the table and shared one: `limit_memory` is too small"},
    MetricFamily{"gatehouse_limit_places", false, "", "keys that `limit_memory` has places for"},
    MetricFamily{"gatehouse_limit_levels", false, "",
                 "parts of the table that are in use; the last is the largest"},
};

// What a person may mean by `text` for a limit: the counted text, and an address.
std::vector<CountedBy> candidates(const LimitUse& use, std::string_view text) {
  using Kind = CountedBy::Kind;
  std::vector<CountedBy> all;
  if (use.limit->is_whole()) return all;
  const config::LimitBy::Kind by = use.by().kind;
  if (by != config::LimitBy::Kind::ip)
    all.push_back({.kind = by == config::LimitBy::Kind::header ? Kind::header : Kind::text, .text = text});
  std::string_view address = text;
  if (address.ends_with("/64")) address.remove_suffix(3);
  if (const auto ip = parse_ip(address)) all.push_back({.kind = Kind::address, .address = network_of(*ip)});
  return all;
}

// Thread: control's loop.
class LimitsTask final : public gateway::BackgroundTask {
 public:
  explicit LimitsTask(gateway::BackgroundContext context) : context_(std::move(context)) {}

  std::string_view name() const noexcept override { return "limits"; }
  void apply(const std::shared_ptr<const gateway::Snapshot>& snapshot) override;
  std::string show() const override;
  net::Task<gateway::CommandResult> command(gateway::Command command) override;
  void measure(std::vector<gateway::Measurement>& out) const override;

 private:
  std::int64_t now() const { return time_(context_.loop.now()); }
  void convert_all(const std::vector<SharedLimit*>& changed);
  gateway::CommandResult show_key(std::string_view key, std::string_view limit) const;
  gateway::CommandResult reset(std::string_view key, std::string_view limit, const std::string& who) const;
  bool reset_key(const LimitUse& use, const LimitKey& key) const;
  void put(JsonText& json, const LimitUse& use, std::int64_t debt) const;
  template <class Use>
  void each_named(std::string_view limit, Use use) const;

  const gateway::BackgroundContext context_;
  mutable SteadyTime time_;
  std::shared_ptr<SharedLimitTable> table_;  // stays when no limit is left: what is owed is not forgotten
  std::shared_ptr<const gateway::Snapshot> snapshot_;  // holds what `policy_` points to
  std::shared_ptr<const LimitPolicy> policy_;          // null: there are no limits
};

void LimitsTask::apply(const std::shared_ptr<const gateway::Snapshot>& snapshot) {
  snapshot_ = snapshot;
  policy_ = snapshot->filters().find<LimitPolicy>();
  if (!policy_) return;
  table_ = policy_->table;
  std::vector<SharedLimit*> changed;
  for (const auto& use : policy_->all)
    if (use->limit->set_terms(use->portion)) changed.push_back(use->limit.get());
  if (!changed.empty()) convert_all(changed);
}

// What nobody will meet before the terms have changed sixteen times.
void LimitsTask::convert_all(const std::vector<SharedLimit*>& changed) {
  const std::int64_t now = this->now();
  auto converted = [&](const LimitTerms& terms, std::uint64_t word) {
    return terms.word(now + terms.debt(word, now));
  };
  auto is_old = [](const LimitTerms& terms, std::uint64_t word) {
    return word != 0 && LimitWord::generation(word) != terms.generation;
  };
  std::vector<SharedLimit*> by_number;
  for (SharedLimit* limit : changed) {
    if (by_number.size() <= limit->number()) by_number.resize(limit->number() + 1);
    by_number[limit->number()] = limit;
    const LimitTerms& terms = limit->terms();
    limit->each_own([&](std::atomic<std::uint64_t>& word) {
      std::uint64_t old = word.load(std::memory_order_relaxed);
      while (is_old(terms, old) && !word.compare_exchange_weak(old, converted(terms, old))) {
      }
    });
  }
  table_->each(0, SIZE_MAX, [&](SharedLimitTable::Entry entry) {
    SharedLimit* limit = entry.limit < by_number.size() ? by_number[entry.limit] : nullptr;
    if (limit == nullptr) return;
    const LimitTerms& terms = limit->terms();
    const std::uint64_t word = entry.place.word();
    // Whoever changed it in between met the new terms.
    if (is_old(terms, word) && LimitWord::paid(word) > now) entry.place.change(converted(terms, word));
  });
}

template <class Use>
void LimitsTask::each_named(std::string_view limit, Use use) const {
  if (!policy_) return;
  for (const auto& u : policy_->all)
    if (limit.empty() || u->limit->name() == limit) use(*u);
}

void LimitsTask::put(JsonText& json, const LimitUse& use, std::int64_t debt) const {
  const Portion& portion = use.limit->terms().portion;
  const Decision next = decide(portion, debt, 0, 1);
  json.field("burst", portion.burst());
  json.field("remaining", remaining(portion, debt));
  json.field("owed", static_cast<std::uint64_t>((debt + portion.interval - 1) / portion.interval));
  json.field("wait_ms", static_cast<std::uint64_t>((next.wait + 999'999) / 1'000'000));
  json.field("empty_in_ms", static_cast<std::uint64_t>((debt + 999'999) / 1'000'000));
}

std::string LimitsTask::show() const {
  JsonText json;
  json.begin_object().key("limits").begin_array();
  each_named({}, [&](const LimitUse& use) {
    SharedLimit& limit = *use.limit;
    json.begin_object().field("name", limit.name());
    json.field("rate", config::show_rate(use.rate));
    if (!limit.is_whole()) json.field("per", config::show_limit_by(limit.by()));
    if (use.dry_run) json.field("dry_run", true);
    json.field("admitted", limit.sum(&LimitCounts::admitted));
    json.field("refused", limit.sum(&LimitCounts::refused));
    json.field("would_refuse", limit.sum(&LimitCounts::dry_run));
    if (limit.is_whole()) put(json, use, debt_of(*table_, limit, {}, now()));
    json.end_object();
  });
  return json.end_array().end_object().take();
}

gateway::CommandResult LimitsTask::show_key(std::string_view key, std::string_view limit) const {
  JsonText json;
  json.begin_object().field("key", key).key("limits").begin_array();
  each_named(limit, [&](const LimitUse& use) {
    for (const CountedBy& counted : candidates(use, key)) {
      const LimitKey hash = key_of(use, counted, table_->secret());
      const std::int64_t debt = debt_of(*table_, *use.limit, hash, now());
      if (debt == 0) continue;
      json.begin_object().field("name", use.limit->name());
      json.field("per", counted.kind == CountedBy::Kind::address ? std::string("ip")
                                                                 : config::show_limit_by(use.by()));
      put(json, use, debt);
      json.end_object();
    }
  });
  return json.end_array().end_object().take();
}

bool LimitsTask::reset_key(const LimitUse& use, const LimitKey& key) const {
  if (debt_of(*table_, *use.limit, key, now()) == 0) return false;
  if (use.limit->is_whole()) {
    use.limit->whole().store(0, std::memory_order_relaxed);
    return true;
  }
  for (auto place = table_->find(key); place; place = table_->find(key))
    if (place->change(0)) return true;
  use.limit->overflow(key).store(0, std::memory_order_relaxed);
  return true;
}

gateway::CommandResult LimitsTask::reset(std::string_view key, std::string_view limit,
                                         const std::string& who) const {
  std::string done;
  bool known = limit.empty();
  each_named(limit, [&](const LimitUse& use) {
    known = true;
    bool any = false;
    if (use.limit->is_whole()) {
      any = key.empty() && reset_key(use, {});
    } else {
      for (const CountedBy& counted : candidates(use, key))
        any = reset_key(use, key_of(use, counted, table_->secret())) || any;
    }
    if (any) done += fmt::format("{}`{}`", done.empty() ? "" : ", ", use.limit->name());
  });
  if (!known) return std::unexpected(fmt::format("there is no limit `{}`", without_controls(limit)));
  const std::string what = key.empty() ? "all that it counts" : without_controls(key);
  if (done.empty()) return std::unexpected(fmt::format("{} owes nothing to any limit asked for", what));
  context_.log(Severity::info, fmt::format("limits: {} was reset in {}, by {}", what, done, who));
  JsonText json;
  json.begin_object().field("message", fmt::format("{} was reset in {}", what, done)).end_object();
  return json.take();
}

net::Task<gateway::CommandResult> LimitsTask::command(gateway::Command command) {
  const std::string_view key = command.argument("key");
  const std::string_view limit = command.argument("limit");
  if (command.verb != "show" && command.verb != "reset")
    co_return std::unexpected(fmt::format("limits know no command `{}`", without_controls(command.verb)));
  if (!policy_) co_return std::unexpected(std::string("the configuration has no limits"));
  if (key.empty() && (command.verb == "show" || limit.empty()))
    co_return std::unexpected(fmt::format("{} needs a `key`", command.verb));
  if (command.verb == "show") co_return show_key(key, limit);
  co_return reset(key, limit, command.who);
}

void LimitsTask::measure(std::vector<gateway::Measurement>& out) const {
  each_named({}, [&](const LimitUse& use) {
    const SharedLimit& limit = *use.limit;
    auto put = [&](const char* result, Counter LimitCounts::* counter) {
      out.push_back({.family = kRequests,
                     .labels = {{"limit", limit.name()}, {"result", result}},
                     .value = static_cast<double>(limit.sum(counter))});
    };
    put("admitted", &LimitCounts::admitted);
    put("refused", &LimitCounts::refused);
    put("dry_run", &LimitCounts::dry_run);
  });
  auto each = [&](Family family, Counter LimitCounts::* counter) {
    each_named({}, [&](const LimitUse& use) {
      out.push_back({.family = family,
                     .labels = {{"limit", use.limit->name()}},
                     .value = static_cast<double>(use.limit->sum(counter))});
    });
  };
  each(kRaced, &LimitCounts::raced);
  each(kOverflowed, &LimitCounts::overflowed);
  if (!table_) return;
  out.push_back({.family = kPlaces, .value = static_cast<double>(table_->places())});
  out.push_back({.family = kLevels, .value = static_cast<double>(table_->levels())});
}

}  // namespace

std::unique_ptr<gateway::BackgroundTask> limits_task(gateway::BackgroundContext context) {
  return std::make_unique<LimitsTask>(std::move(context));
}

std::span<const MetricFamily> limit_metrics() noexcept { return kFamilies; }

}  // namespace gatehouse::filters
