#include "filters/limits/limit_headers.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace gatehouse::filters {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::uint64_t seconds_up(std::int64_t nanoseconds) noexcept {
  return static_cast<std::uint64_t>((nanoseconds + kSecond - 1) / kSecond);
}

std::string_view number_text(std::uint64_t number, Arena& arena) {
  auto& text = *arena.make<std::array<char, 20>>();
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

// The limit that leaves the least.
struct Tightest {
  const LimitUse* use = nullptr;  // null: there is none
  const Charge* charge = nullptr;
  std::uint64_t left = 0;

  void consider(const LimitUse& other, const Charge& of_it, std::uint64_t leaves) noexcept {
    if (use == nullptr || leaves < left) *this = {&other, &of_it, leaves};
  }
};

// Until all of it has come back. Intervals are rounded up, each by less than a nanosecond.
std::uint64_t full_in(const Charge& charge) noexcept {
  const Portion& portion = charge.limit->terms().portion;
  return seconds_up(std::max<std::int64_t>(0, charge.debt - static_cast<std::int64_t>(portion.burst())));
}

void add(std::string_view name, std::string_view value, http::HeaderTable& headers) {
  headers.add({.name = name, .value = value, .id = http::HeaderId::other});
}

std::string_view policies(const MetLimits& met, Arena& arena) {
  if (!met.policies.empty()) return met.policies;
  std::string_view all;
  for (std::uint32_t i = 0; i < met.count; ++i) {
    const LimitUse& use = *met.uses[i];
    if (use.standard) all = all.empty() ? std::string_view(use.policy) : arena.concat(all, ", ", use.policy);
  }
  return all;
}

void add_standard(const Tightest& t, const MetLimits& met, http::HeaderTable& headers, Arena& arena) {
  add("ratelimit-policy", policies(met, arena), headers);
  add("ratelimit",
      arena.concat(t.use->name, ";r=", number_text(t.left, arena),
                   ";t=", number_text(full_in(*t.charge), arena)),
      headers);
}

void add_legacy(const Tightest& t, http::HeaderTable& headers, Arena& arena) {
  add("x-ratelimit-limit", number_text(t.use->portion.burst(), arena), headers);
  add("x-ratelimit-remaining", number_text(t.left, arena), headers);
  add("x-ratelimit-reset", number_text(full_in(*t.charge), arena), headers);
}

}  // namespace

void add_limit_headers(const MetLimits& met, http::HeaderTable& headers, Arena& arena) {
  Tightest standard;
  Tightest legacy;
  for (std::uint32_t i = 0; i < met.count; ++i) {
    const LimitUse& use = *met.uses[i];
    if (!use.standard && !use.legacy) continue;
    const Charge& charge = met.charges[i];
    const std::uint64_t left = remaining(charge.limit->terms().portion, charge.debt);
    if (use.standard) standard.consider(use, charge, left);
    if (use.legacy) legacy.consider(use, charge, left);
  }
  if (standard.use != nullptr) add_standard(standard, met, headers, arena);
  if (legacy.use != nullptr) add_legacy(legacy, headers, arena);
}

}  // namespace gatehouse::filters
