#include "filters/auth/auth_metrics.h"

#include <array>

namespace gatehouse::filters {
namespace {

using gateway::MetricFamily;

constexpr std::array kFamilies = {
    MetricFamily{"gatehouse_auth_cache_lookups", true, "result",
                 "tokens looked up among the verified ones; `hit` or `miss`"},
    MetricFamily{"gatehouse_auth_cache_evicted", true, "", "verified tokens that made room for others"},
    MetricFamily{"gatehouse_auth_cache_entries", false, "", "verified tokens that are kept"},
    MetricFamily{"gatehouse_auth_cache_bytes", false, "", "memory that they take, of `auth.cache_memory`"},
    MetricFamily{"gatehouse_auth_signatures", true, "result", "signatures verified; `good` or `bad`"},
    MetricFamily{"gatehouse_auth_refused", true, "by",
                 "tokens refused without a look at their signature; `memory`: just found bad, `rate`: beyond "
                 "`auth.bad_signatures`"},
    MetricFamily{"gatehouse_auth_key_waits", true, "",
                 "requests that waited for a key that had to be fetched"},
    MetricFamily{"gatehouse_auth_undecided", true, "",
                 "requests answered 503 because the keys of an issuer were not to be had"},
    MetricFamily{"gatehouse_auth_waiting", false, "", "requests that wait for a key now"},
};

}  // namespace

std::span<const MetricFamily> auth_metric_families() noexcept { return kFamilies; }

void measure(const SharedAuthCounts& counts, std::size_t first, std::vector<gateway::Measurement>& into) {
  auto sum = [&](auto member) {
    double all = 0;
    for (std::size_t i = 0; i < counts.workers(); ++i)
      all += static_cast<double>((counts.of(i).*member).value());
    return all;
  };
  std::size_t family = first;
  auto add = [&](auto member) { into.push_back({.family = family++, .value = sum(member)}); };
  auto add_pair = [&](std::string_view label, std::string_view a, auto member_a, std::string_view b,
                      auto member_b) {
    into.push_back({.family = family, .labels = {{label, std::string(a)}}, .value = sum(member_a)});
    into.push_back({.family = family++, .labels = {{label, std::string(b)}}, .value = sum(member_b)});
  };
  using C = AuthCounts;
  add_pair("result", "hit", &C::cache_hits, "miss", &C::cache_misses);
  add(&C::cache_evicted);
  add(&C::cache_entries);
  add(&C::cache_bytes);
  add_pair("result", "good", &C::verified_good, "bad", &C::verified_bad);
  add_pair("by", "memory", &C::refused_again, "rate", &C::refused_rate);
  add(&C::waited);
  add(&C::undecided);
  add(&C::waiting);
}

}  // namespace gatehouse::filters
