#include "filters/limits/limits_state.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "filters/limits/limiter.h"

namespace gatehouse::filters {

LimitsExport::LimitsExport(std::shared_ptr<const LimitPolicy> policy, WallTime at, std::int64_t now)
    : policy_(std::move(policy)), now_(now), writer_(policy_->table->secret(), at) {
  for (const auto& use : policy_->all) {
    SharedLimit& limit = *use->limit;
    index_.resize(std::max<std::size_t>(index_.size(), limit.number() + 1), kNone);
    index_[limit.number()] = static_cast<std::uint32_t>(limits_.size());
    limits_.push_back(&limit);
    writer_.add_limit(limit.identity(), limit.terms().portion,
                      limit.is_whole() ? debt_of(*policy_->table, limit, {}, now) : 0);
  }
}

bool LimitsExport::turn(std::size_t buckets) {
  at_ = policy_->table->each(at_, buckets, [this](const SharedLimitTable::Entry& entry) {
    const std::uint32_t i = entry.limit < index_.size() ? index_[entry.limit] : kNone;
    if (i == kNone || keys_ == kMostKeys) return;
    const std::int64_t debt = limits_[i]->terms().debt(entry.place.word(), now_);
    if (debt <= 0) return;
    writer_.add_key({entry.key, i, debt});
    ++keys_;
  });
  return at_ != 0;
}

bool import_limits(const KeptLimits& kept, const LimitPolicy& policy, std::int64_t passed, std::int64_t now) {
  std::unordered_map<std::string, const LimitUse*> known;
  for (const auto& use : policy.all) known.emplace(use->limit->identity(), use.get());

  auto owed = [&](const LimitUse& use, const KeptLimits::Limit& limit, std::int64_t debt) {
    return convert(std::max<std::int64_t>(0, std::min(debt, limit.portion.level) - passed), limit.portion,
                   use.limit->terms().portion);
  };
  std::vector<const LimitUse*> uses;
  uses.reserve(kept.limits().size());
  for (const KeptLimits::Limit& limit : kept.limits()) {
    const auto found = known.find(limit.identity);
    const LimitUse* use = uses.emplace_back(found == known.end() ? nullptr : found->second);
    if (use == nullptr || !use->limit->is_whole()) continue;
    if (const std::int64_t debt = owed(*use, limit, limit.debt); debt > 0)
      use->limit->whole().store(use->limit->terms().word(now + debt), std::memory_order_relaxed);
  }

  std::size_t near = 0;
  std::size_t read = 0;
  KeptKeys all(kept);
  for (auto keys = all.next(); !keys.empty(); keys = all.next()) {
    read += keys.size();
    for (const KeptKey& key : keys) {
      if (key.limit >= uses.size() || uses[key.limit] == nullptr || key.debt < 0) continue;
      const LimitUse& use = *uses[key.limit];
      if (const std::int64_t debt = owed(use, kept.limits()[key.limit], key.debt); debt > 0)
        (void)policy.table->restore(key.key, use.limit->number(), use.limit->terms().word(now + debt), near);
    }
  }
  return read == kept.keys();
}

}  // namespace gatehouse::filters
