#include "filters/limits/limit_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/hash.h"
#include "config/values.h"
#include "http/structured_field.h"

namespace gatehouse::filters {
namespace {

using config::LimitBy;

// `"default";q=200;w=2`: so many in so long. Windows are whole seconds, so where the burst comes back in less
// than one it is the rate of a second that is told. From the rate as it was written: intervals are rounded.
std::string policy_item(const std::string& name, const config::Rate& rate) {
  std::array<char, 512> memory;
  http::StructuredList list(memory);
  const auto per = static_cast<std::uint64_t>(rate.per.count());
  const auto refill =
      static_cast<double>(rate.burst) * static_cast<double>(per) / static_cast<double>(rate.count);
  std::uint64_t quota = rate.burst;
  std::uint64_t window = static_cast<std::uint64_t>(std::ceil(refill / 1e9 - 1e-9));
  if (refill < 1e9) {
    quota = std::max<std::uint64_t>(rate.count * 1'000'000'000 / per, 1);
    window = 1;
  }
  list.string(name)
      .parameter("q", static_cast<std::int64_t>(quota))
      .parameter("w", static_cast<std::int64_t>(window));
  return list.valid() ? std::string(list.text()) : std::string();
}

// Names of routes are made of what they match, so they may hold anything.
std::string header_name(const std::string& name) {
  std::string out;
  for (char c : name.substr(0, 100)) out.push_back(c < ' ' || c > '~' ? '?' : c);
  return out;
}

// Of `bytes`, which are available.
std::shared_ptr<SharedLimitTable> new_table(const gateway::StateRegistry& registry, std::uint64_t bytes) {
  auto table = std::make_shared<SharedLimitTable>(static_cast<std::size_t>(bytes));
  // Not part of the process's own secret: this one is written to a file.
  SipKey key;
  std::memcpy(key.data(), registry.process().secret.data(), sizeof key);
  const Hash128 derived = SipHash<2, 4>(key)("limits");
  table->set_secret({derived.low, derived.high});
  return table;
}

class LimitsCompiler {
 public:
  LimitsCompiler(const config::Spec& spec, gateway::StateRegistry& registry,
                 gateway::ConditionTable& conditions, config::Diagnostics& diagnostics)
      : spec_(spec), registry_(registry), conditions_(conditions), diagnostics_(diagnostics) {}

  std::shared_ptr<LimitPolicy> run() {
    policy_->table = table();
    policy_->talkers = registry_.get<SharedTalkers>(
        "limits", [&] { return std::make_shared<SharedTalkers>(registry_.process().workers); });
    for (const config::LimitSpec& limit : spec_.limits) {
      policy_->general.push_back(add(limit));
      if (policy_->general.back()->is_default) policy_->main = policy_->general.back();
    }
    for (const config::ServiceSpec& service : spec_.services)
      if (service.limit) add(*service.limit);
    for (const config::RouteSpec& route : spec_.routes)
      if (route.limit) add(*route.limit);
    policy_->most = policy_->general.size() + 2;
    return policy_;
  }

 private:
  using Level = config::Diagnostic::Level;

  // The one of the process, whatever size was asked for first.
  std::shared_ptr<SharedLimitTable> table() {
    constexpr std::string_view kName = "limits";
    const std::size_t bytes = SharedLimitTable::bytes_of(spec_.limit_memory);
    if (auto table = registry_.find<SharedLimitTable>(kName)) {
      if (table->bytes() != bytes) say(Level::hint, "a change of `limit_memory` is in force after a restart");
      return table;
    }
    if (ZeroedMemory::available(bytes))
      return registry_.get<SharedLimitTable>(kName, [&] { return new_table(registry_, bytes); });
    say(Level::error,
        fmt::format("`limit_memory`: the system has no address space for {} bytes", spec_.limit_memory));
    return std::make_shared<SharedLimitTable>(SharedLimitTable::kLeastBytes);  // nobody gets to see it
  }
  void say(config::Diagnostic::Level level, std::string text) {
    diagnostics_.push_back({level, {}, std::move(text), {}});
  }
  const LimitUse* add(const config::LimitSpec& spec) {
    auto use = std::make_unique<LimitUse>();
    use->rate = spec.rate;
    use->portion = whole_of(spec.rate);
    use->limit = registry_.get<SharedLimit>(key_of(spec), [&] {
      return std::make_shared<SharedLimit>(registry_.next_index(), spec.name, spec.by, use->portion,
                                           registry_.process().workers);
    });
    const std::string identity = use->limit->identity();
    use->identity = {hash64(identity, 1), hash64(identity, 2)};
    for (const config::ConditionSet& set : spec.when) use->when.push_back(range_of(set));
    use->is_default = spec.name == config::kDefaultLimit;
    use->replaces_default =
        !use->is_default && !spec.when.empty() && spec.by.kind != LimitBy::Kind::all && !spec.dry_run;
    if (spec.by.kind == LimitBy::Kind::claim) use->claim = "claim." + spec.by.name;
    use->cost = spec.cost;
    use->dry_run = spec.dry_run;
    policy_->any_dry_run = policy_->any_dry_run || spec.dry_run;
    using config::LimitHeaders;
    use->standard =
        !spec.dry_run && (spec.headers == LimitHeaders::standard || spec.headers == LimitHeaders::both);
    use->legacy =
        !spec.dry_run && (spec.headers == LimitHeaders::legacy || spec.headers == LimitHeaders::both);
    use->reply = spec.reply ? &*spec.reply : nullptr;
    const std::string name = header_name(spec.name);
    use->policy = policy_item(name, spec.rate);
    std::array<char, 256> memory;
    use->name = std::string(http::StructuredList(memory).string(name).text());
    const LimitUse* kept = policy_->all.emplace_back(std::move(use)).get();
    policy_->by_name.emplace(kept->limit->name(), kept);
    return kept;
  }
  static std::string key_of(const config::LimitSpec& spec) {
    return fmt::format("limits/{}/{}", spec.name, config::show_limit_by(spec.by));
  }
  gateway::ConditionTable::Range range_of(const config::ConditionSet& set) {
    std::vector<const config::Condition*> conditions;
    conditions.reserve(set.size());
    for (const config::Condition& c : set) conditions.push_back(&c);
    return conditions_.add(conditions, diagnostics_);
  }

  const config::Spec& spec_;
  gateway::StateRegistry& registry_;
  gateway::ConditionTable& conditions_;
  config::Diagnostics& diagnostics_;
  std::shared_ptr<LimitPolicy> policy_ = std::make_shared<LimitPolicy>();
};

}  // namespace

bool has_limits(const config::Spec& spec) noexcept {
  auto limited = [](const auto& part) { return part.limit.has_value(); };
  return !spec.limits.empty() || std::ranges::any_of(spec.services, limited) ||
         std::ranges::any_of(spec.routes, limited);
}

const LimitUse* LimitPolicy::own(const config::LimitSpec& spec) const noexcept {
  const auto found = by_name.find(spec.name);
  return found == by_name.end() ? nullptr : found->second;
}

std::shared_ptr<LimitPolicy> compile_limits(const config::Spec& spec, gateway::StateRegistry& registry,
                                            gateway::ConditionTable& conditions,
                                            config::Diagnostics& diagnostics) {
  return LimitsCompiler(spec, registry, conditions, diagnostics).run();
}

}  // namespace gatehouse::filters
