#include "filters/limits/limits_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "filters/limits/limits_state.h"

namespace gatehouse::filters {
namespace {

// What is looked at in one turn of control: two megabytes of the table, some 0.4 ms.
constexpr std::size_t kBucketsInTurn = 8192;
constexpr Duration kBetweenTurns = 1ms;
constexpr std::size_t kPart = std::size_t{1} << 20;  // that is written at once, at least

}  // namespace

net::Task<void> LimitsKeeper::recall(std::shared_ptr<const LimitPolicy> policy) {
  if (std::exchange(recalled_, true)) co_return;
  auto complaint = std::make_shared<std::string>();
  co_await context_.recall_parts(
      kFile, [policy = std::move(policy), complaint, wall = context_.loop.wall(),
              now = context_.loop.now().time_since_epoch().count()](const gateway::StateFile& file) {
        const auto kept = KeptLimits::read(file);
        if (!kept) {
          *complaint = fmt::format("what was kept of them is ignored: {}", kept.error());
          return;
        }
        policy->table->set_secret(kept->secret());
        // A clock that was set back does not make anybody owe more.
        const std::int64_t passed = std::max<std::int64_t>(0, (wall - kept->at()).count());
        if (!import_limits(*kept, *policy, passed, now))
          *complaint = "of what was kept of them the end is missing: the file has become shorter";
      });
  if (!complaint->empty()) context_.log(Severity::warning, "limits: " + *complaint);
}

void LimitsKeeper::set_policy(std::shared_ptr<const LimitPolicy> policy) {
  policy_ = std::move(policy);
  touch();  // other limits, or other terms
  if (!running_) running_ = run();
}

std::uint64_t LimitsKeeper::changes() const noexcept {
  std::uint64_t all = touched_;
  if (policy_)
    for (const auto& use : policy_->all)
      all += use->limit->sum(&LimitCounts::admitted) + use->limit->sum(&LimitCounts::returned);
  return all;
}

net::Task<void> LimitsKeeper::run() {
  while (!finishing_) {
    co_await net::sleep_for(context_.loop, kEvery);
    if (changes() != tried_changes_) co_await save();
  }
}

net::Task<void> LimitsKeeper::finish() {
  finishing_ = true;
  if (saving_) {
    co_await std::move(running_);  // two at a time would write one file
  } else {
    running_.cancel();
  }
  if (policy_ && changes() != saved_changes_) co_await save();
}

net::Task<void> LimitsKeeper::save() {
  saving_ = true;
  const std::uint64_t changes = tried_changes_ = this->changes();
  LimitsExport taken(policy_, context_.loop.wall(), context_.loop.now().time_since_epoch().count());
  bool good = true;
  bool more = true;
  for (gateway::FilePart where{.last = false}; good && more;) {
    more = taken.turn(kBucketsInTurn);
    if (!more || taken.size() >= kPart) {
      where.last = !more;
      good = co_await context_.keep_part(kFile, more ? taken.take() : taken.finish(), where);
      where.first = false;
    }
    if (more && !finishing_) co_await net::sleep_for(context_.loop, kBetweenTurns);
  }
  if (taken.cut_off() && !std::exchange(said_too_large_, true))
    context_.log(Severity::warning,
                 fmt::format("limits: of all keys, {} are kept over a restart", taken.keys()));
  if (good) saved_changes_ = changes;
  saving_ = false;
}

}  // namespace gatehouse::filters
