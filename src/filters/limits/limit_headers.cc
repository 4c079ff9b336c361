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
  std::uint64_t left = UINT64_MAX;  // no limit leaves so much: there is none
  std::uint32_t at = 0;             // which of those that were met

  bool there() const noexcept { return left != UINT64_MAX; }
  void consider(std::uint32_t other, std::uint64_t leaves) noexcept {
    if (leaves < left) *this = {leaves, other};
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
      arena.concat(met.uses[t.at]->name, ";r=", number_text(t.left, arena),
                   ";t=", number_text(full_in(met.charges[t.at]), arena)),
      headers);
}

void add_legacy(const Tightest& t, const MetLimits& met, http::HeaderTable& headers, Arena& arena) {
  add("x-ratelimit-limit", number_text(met.uses[t.at]->portion.burst(), arena), headers);
  add("x-ratelimit-remaining", number_text(t.left, arena), headers);
  add("x-ratelimit-reset", number_text(full_in(met.charges[t.at]), arena), headers);
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
    if (use.standard) standard.consider(i, left);
    if (use.legacy) legacy.consider(i, left);
  }
  if (standard.there()) add_standard(standard, met, headers, arena);
  if (legacy.there()) add_legacy(legacy, met, headers, arena);
}

}  // namespace gatehouse::filters
