#include "filters/limits/limit_headers.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace gatehouse::filters {
namespace {

using config::LimitHeaders;

constexpr std::int64_t kSecond = 1'000'000'000;

std::uint64_t seconds_up(std::int64_t nanoseconds) noexcept {
  return static_cast<std::uint64_t>((nanoseconds + kSecond - 1) / kSecond);
}

std::string_view number_text(std::uint64_t number, Arena& arena) {
  auto& text = *arena.make<std::array<char, 20>>();
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

bool is_standard(LimitHeaders h) noexcept { return h == LimitHeaders::standard || h == LimitHeaders::both; }
bool is_legacy(LimitHeaders h) noexcept { return h == LimitHeaders::legacy || h == LimitHeaders::both; }

std::uint64_t left_of(const MetLimits& met, std::uint32_t i) noexcept {
  return remaining(met.charges[i].limit->terms().portion, met.charges[i].debt);
}

// Until all of it has come back. Intervals are rounded up, each by less than a nanosecond.
std::uint64_t full_in(const MetLimits& met, std::uint32_t i) noexcept {
  const Portion& portion = met.charges[i].limit->terms().portion;
  return seconds_up(
      std::max<std::int64_t>(0, met.charges[i].debt - static_cast<std::int64_t>(portion.burst())));
}

// Of those that are told in this manner, the one that leaves the least; met.count if there is none.
std::uint32_t tightest(const MetLimits& met, bool (*told)(LimitHeaders) noexcept) noexcept {
  std::uint32_t least = met.count;
  for (std::uint32_t i = 0; i < met.count; ++i)
    if (told(met.uses[i]->headers) && (least == met.count || left_of(met, i) < left_of(met, least)))
      least = i;
  return least;
}

void add(std::string_view name, std::string_view value, http::HeaderTable& headers) {
  headers.add({.name = name, .value = value, .id = http::HeaderId::other});
}

std::string_view policies(const MetLimits& met, Arena& arena) {
  std::string_view all;
  for (std::uint32_t i = 0; i < met.count; ++i) {
    const LimitUse& use = *met.uses[i];
    if (!is_standard(use.headers)) continue;
    all = all.empty() ? std::string_view(use.policy) : arena.concat(all, ", ", use.policy);
  }
  return all;
}

void add_standard(const MetLimits& met, std::uint32_t i, http::HeaderTable& headers, Arena& arena) {
  add("ratelimit-policy", policies(met, arena), headers);
  add("ratelimit",
      arena.concat(met.uses[i]->name, ";r=", number_text(left_of(met, i), arena),
                   ";t=", number_text(full_in(met, i), arena)),
      headers);
}

void add_legacy(const MetLimits& met, std::uint32_t i, http::HeaderTable& headers, Arena& arena) {
  add("x-ratelimit-limit", number_text(met.uses[i]->portion.burst(), arena), headers);
  add("x-ratelimit-remaining", number_text(left_of(met, i), arena), headers);
  add("x-ratelimit-reset", number_text(full_in(met, i), arena), headers);
}

}  // namespace

void add_limit_headers(const MetLimits& met, http::HeaderTable& headers, Arena& arena) {
  if (const std::uint32_t i = tightest(met, is_standard); i < met.count) add_standard(met, i, headers, arena);
  if (const std::uint32_t i = tightest(met, is_legacy); i < met.count) add_legacy(met, i, headers, arena);
}

}  // namespace gatehouse::filters
