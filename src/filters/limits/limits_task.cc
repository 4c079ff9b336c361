#include "filters/limits/limits_task.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/json_text.h"
#include "base/printable.h"
#include "config/values.h"
#include "filters/limits/limit_report.h"
#include "filters/limits/limiter.h"
#include "filters/limits/limits_keeper.h"
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

// Thread: control's loop.
class LimitsTask final : public gateway::BackgroundTask {
 public:
  explicit LimitsTask(gateway::BackgroundContext context) : context_(std::move(context)) {}

  std::string_view name() const noexcept override { return "limits"; }
  net::Task<void> recall(std::shared_ptr<const gateway::Snapshot> snapshot) override;
  void apply(const std::shared_ptr<const gateway::Snapshot>& snapshot) override;
  std::string show() const override;
  net::Task<gateway::CommandResult> command(gateway::Command command) override;
  void measure(std::vector<gateway::Measurement>& out) const override;
  net::Task<void> finish() override { return keeper_.finish(); }

 private:
  std::int64_t now() const { return context_.loop.now().time_since_epoch().count(); }
  void remember();
  gateway::CommandResult reset(std::string_view key, std::string_view limit, const std::string& who);

  const gateway::BackgroundContext context_;
  // Holds what it says of conditions and answers no longer than the snapshot, but nothing here asks for that.
  std::shared_ptr<const LimitPolicy> policy_;  // null: there are no limits
  std::shared_ptr<SharedLimitTable> table_;    // stays when no limit is left: what is owed is not forgotten
  // Limits that are not in the configuration any more, until nothing can be owed to them: one that comes back
  // is the same. By number, with the time at which they went.
  std::map<std::uint32_t, std::pair<std::shared_ptr<SharedLimit>, std::int64_t>> known_;
  LimitsKeeper keeper_{context_};
};

net::Task<void> LimitsTask::recall(std::shared_ptr<const gateway::Snapshot> snapshot) {
  if (auto policy = snapshot->filters().find<LimitPolicy>()) co_await keeper_.recall(std::move(policy));
}

void LimitsTask::apply(const std::shared_ptr<const gateway::Snapshot>& snapshot) {
  policy_ = snapshot->filters().find<LimitPolicy>();
  remember();
  if (!policy_) return;
  table_ = policy_->table;
  std::vector<SharedLimit*> changed;
  for (const auto& use : policy_->all)
    if (use->limit->set_terms(use->portion)) changed.push_back(use->limit.get());
  if (!changed.empty()) convert_all(*table_, changed, now());
  keeper_.set_policy(policy_);
}

void LimitsTask::remember() {
  const std::int64_t now = this->now();
  for (auto& [number, entry] : known_)
    if (entry.second == kForever) entry.second = now + entry.first->terms().portion.level;
  if (policy_)
    for (const auto& use : policy_->all) known_[use->limit->number()] = {use->limit, kForever};
  std::erase_if(known_, [now](const auto& known) { return known.second.second <= now; });
}

std::string LimitsTask::show() const {
  return policy_ ? show_limits(*policy_, now()) : R"({"limits":[],"most_refused":[]})";
}

gateway::CommandResult LimitsTask::reset(std::string_view key, std::string_view limit,
                                         const std::string& who) {
  const auto named =
      std::ranges::find_if(policy_->all, [&](const auto& use) { return use->limit->name() == limit; });
  if (!limit.empty() && named == policy_->all.end())
    return std::unexpected(fmt::format("there is no limit `{}`", without_controls(limit)));
  if (key.empty() && !(*named)->limit->is_whole())
    return std::unexpected(fmt::format("`{}` counts per {}: say whose count", without_controls(limit),
                                       config::show_limit_by((*named)->by())));
  const std::vector<Forgiven> done = reset_key(*policy_, key, limit, now());
  const std::string what = key.empty() ? std::string(limit) : without_controls(key);
  if (done.empty()) return std::unexpected(fmt::format("`{}` owes nothing to any limit", what));
  keeper_.touch();
  std::string names;
  for (const Forgiven& f : done) {
    names += fmt::format("{}`{}`", names.empty() ? "" : ", ", f.limit);
    context_.log(Severity::info, fmt::format("limits: `{}` owes nothing any more to `{}` (by {})",
                                             f.shown.empty() ? f.limit : f.shown, f.limit, who));
  }
  JsonText json;
  return json.begin_object()
      .field("message", fmt::format("`{}` owes nothing any more to {}", what, names))
      .end_object()
      .take();
}

net::Task<gateway::CommandResult> LimitsTask::command(gateway::Command command) {
  const std::string_view key = command.argument("key");
  const std::string_view limit = command.argument("limit");
  if (command.verb != "show" && command.verb != "reset")
    co_return std::unexpected(fmt::format("limits know no command `{}`", without_controls(command.verb)));
  if (!policy_) co_return std::unexpected(std::string("the configuration has no limits"));
  if (key.empty() && (command.verb == "show" || limit.empty()))
    co_return std::unexpected(fmt::format("{} needs a `key`", command.verb));
  if (command.verb == "show") co_return show_key(*policy_, key, limit, now());
  co_return reset(key, limit, command.who);
}

void LimitsTask::measure(std::vector<gateway::Measurement>& out) const {
  if (!policy_) return;
  auto put = [&](Family family, const char* result, Counter LimitCounts::* counter) {
    for (const auto& use : policy_->all) {
      gateway::Measurement m{.family = family, .value = static_cast<double>(use->limit->sum(counter))};
      m.labels.emplace_back("limit", use->limit->name());
      if (result != nullptr) m.labels.emplace_back("result", result);
      out.push_back(std::move(m));
    }
  };
  put(kRequests, "admitted", &LimitCounts::admitted);
  put(kRequests, "refused", &LimitCounts::refused);
  put(kRequests, "dry_run", &LimitCounts::dry_run);
  put(kRaced, nullptr, &LimitCounts::raced);
  put(kOverflowed, nullptr, &LimitCounts::overflowed);
  out.push_back({.family = kPlaces, .value = static_cast<double>(table_->places())});
  out.push_back({.family = kLevels, .value = static_cast<double>(table_->levels())});
}

}  // namespace

std::unique_ptr<gateway::BackgroundTask> limits_task(gateway::BackgroundContext context) {
  return std::make_unique<LimitsTask>(std::move(context));
}

std::span<const MetricFamily> limit_metrics() noexcept { return kFamilies; }

}  // namespace gatehouse::filters
