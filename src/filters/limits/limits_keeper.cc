#include "filters/limits/limits_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "filters/limits/kept_limits.h"
#include "filters/limits/limiter.h"

namespace gatehouse::filters {
namespace {

// What is written in one turn of control: half a megabyte of the table, some 0.1 ms.
constexpr std::size_t kBucketsInTurn = 2048;
constexpr Duration kBetweenTurns = 1ms;
constexpr std::size_t kLargest = std::size_t{256} << 20;  // control::StateFolder reads no more

const LimitUse* find(const LimitPolicy& policy, const std::string& identity) {
  const auto use =
      std::ranges::find_if(policy.all, [&](const auto& u) { return u->limit->identity() == identity; });
  return use == policy.all.end() ? nullptr : use->get();
}

}  // namespace

net::Task<void> LimitsKeeper::recall(const LimitPolicy& policy) {
  if (std::exchange(recalled_, true)) co_return;
  const std::shared_ptr<SharedLimitTable> table = policy.table;
  auto text = co_await context_.recall(kFile);
  if (!text) co_return;
  const auto kept = KeptLimits::parse(*text);
  if (!kept) {
    context_.log(Severity::warning,
                 fmt::format("limits: what was kept of them is ignored: {}", kept.error()));
    co_return;
  }
  table->set_secret(kept->secret());
  text_ = std::move(*text);
}

void LimitsKeeper::restore(const LimitPolicy& policy, std::int64_t now) {
  if (text_.empty()) return;
  const std::string text = std::exchange(text_, {});
  const auto kept = KeptLimits::parse(text);
  if (!kept) return;
  // A clock that was set back does not make anybody owe more.
  const std::int64_t passed = std::max<std::int64_t>(0, (context_.loop.wall() - kept->at()).count());
  std::vector<const LimitUse*> uses;
  auto owed = [&](const LimitUse& use, const KeptLimits::Limit& limit, std::int64_t debt) {
    return convert(std::max<std::int64_t>(0, std::min(debt, limit.portion.level) - passed), limit.portion,
                   use.portion);
  };
  for (const KeptLimits::Limit& limit : kept->limits()) {
    const LimitUse* use = uses.emplace_back(find(policy, limit.identity));
    if (use == nullptr || !use->limit->is_whole()) continue;
    if (const std::int64_t debt = owed(*use, limit, limit.debt); debt > 0)
      use->limit->whole().store(use->limit->terms().word(now + debt), std::memory_order_relaxed);
  }
  for (std::size_t i = 0; i < kept->keys(); ++i) {
    const KeptLimits::Key key = kept->key(i);
    if (key.limit >= uses.size() || uses[key.limit] == nullptr || key.debt < 0) continue;
    const LimitUse& use = *uses[key.limit];
    if (const std::int64_t debt = owed(use, kept->limits()[key.limit], key.debt); debt > 0)
      (void)policy.table->add(key.key, use.limit->number(), use.limit->terms().word(now + debt), now);
  }
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
    if (changes() != saved_changes_) co_await save();
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
  const std::shared_ptr<const LimitPolicy> policy = policy_;
  SharedLimitTable& table = *policy->table;
  const std::uint64_t changes = this->changes();
  const std::int64_t now = context_.loop.now().time_since_epoch().count();
  KeptLimitsWriter writer(table.secret(), context_.loop.wall(), saved_size_);
  constexpr std::uint32_t kNone = UINT32_MAX;
  std::vector<std::uint32_t> index;  // by the limit's number
  std::vector<SharedLimit*> limits;
  for (const auto& use : policy->all) {
    SharedLimit& limit = *use->limit;
    index.resize(std::max<std::size_t>(index.size(), limit.number() + 1), kNone);
    index[limit.number()] = static_cast<std::uint32_t>(limits.size());
    limits.push_back(&limit);
    writer.add_limit(limit.identity(), limit.terms().portion,
                     limit.is_whole() ? debt_of(table, limit, {}, now) : 0);
  }
  std::size_t keys = 0;
  for (std::size_t at = 0;;) {
    at = table.each(at, kBucketsInTurn, [&](const SharedLimitTable::Entry& entry) {
      const std::uint32_t i = entry.limit < index.size() ? index[entry.limit] : kNone;
      if (i == kNone || keys >= kLargest / 32) return;
      const std::int64_t debt = limits[i]->terms().debt(entry.place.word(), now);
      if (debt <= 0) return;
      writer.add_key(entry.key, i, debt);
      ++keys;
    });
    if (at == 0) break;
    if (!finishing_) co_await net::sleep_for(context_.loop, kBetweenTurns);
  }
  if (keys >= kLargest / 32 && !std::exchange(said_too_large_, true))
    context_.log(Severity::warning, fmt::format("limits: of all keys, {} are kept over a restart", keys));
  std::string text = std::move(writer).finish();
  saved_size_ = text.size();
  if (co_await context_.keep(kFile, std::move(text))) saved_changes_ = changes;
  saving_ = false;
}

}  // namespace gatehouse::filters
