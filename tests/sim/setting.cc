#include "sim/setting.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sim/certificates.h"

namespace gatehouse::sim {
namespace {

// As it is written, and as it arrives: normalised once (configuration rule 4), the part under `*` kept.
struct Rewrite {
  std::string_view written;
  std::string_view arrives;
};
constexpr std::array<Rewrite, kRewrites> kPaths = {{
    {"/enc/r{}/%7Euser/a%20b", "/in/r{}/~user/a%20b"},
    {"/enc/r{}/./x/../y//z", "/in/r{}/y/z"},
    {"/enc/r{}/%61%2Db/%2e%2E/c;p=1/", "/in/r{}/c;p=1/"},
    {"/enc/r{}/caf%c3%a9", "/in/r{}/caf%C3%A9"},
    {"//enc/./r{}", "/in/r{}"},
}};
constexpr std::string_view kQuery = "?q=%2F..%2f&x=a+b";

std::string with_id(std::string_view path, std::uint64_t id) { return fmt::format(fmt::runtime(path), id); }

}  // namespace

bool speaks_tls(const Plan& plan, std::string_view service) noexcept {
  constexpr std::array<std::string_view, 4> those = {"alpha", "gamma", "guarded", "left"};
  return plan.tls.services && std::ranges::count(those, service) > 0;
}

long certificate_of(const Plan& plan, std::uint64_t generation) noexcept {
  auto changes = static_cast<long>(plan.tls.renewed && generation > 0 ? generation - 1 : 0);
  return changes % kGatewayCertificates + 1;
}

bool proxied(const RequestPlan& r) noexcept {
  return r.route == Route::service || r.route == Route::role || r.route == Route::weights ||
         r.route == Route::rewritten;
}

std::string target_of(const RequestPlan& r) {
  switch (r.route) {
    case Route::service: return fmt::format("/{}/r{}/x?q=1", r.service, r.id);
    case Route::generation: return fmt::format("/generation/r{}", r.id);
    case Route::redirect: return fmt::format("/old/r{}/x", r.id);
    case Route::role: return fmt::format("/role/r{}/x", r.id);
    case Route::nowhere: return fmt::format("/nowhere/r{}", r.id);
    case Route::wrong_method: return fmt::format("/getonly/r{}", r.id);
    case Route::weights: return fmt::format("/weights/r{}", r.id);
    case Route::rewritten: return with_id(kPaths[r.path].written, r.id) + std::string(kQuery);
  }
  return {};
}

std::string arrives_as(const RequestPlan& r) {
  if (r.route != Route::rewritten) return target_of(r);
  return with_id(kPaths[r.path].arrives, r.id) + std::string(kQuery);
}

std::vector<std::string_view> answerers(const RequestPlan& r) {
  switch (r.route) {
    case Route::role: return {r.role == "admin" ? "beta" : "alpha"};
    case Route::weights: return {"left", "right"};
    case Route::rewritten: return {"beta"};
    case Route::service: break;
    default: return {};
  }
  if (r.service == "split") return {"split.v1", "split.v2"};
  return {r.service};
}

bool may_answer(std::string_view service, const RequestPlan& r) {
  return std::ranges::count(answerers(r), service) > 0;
}

bool shut_out(const RequestPlan& r, const IpAddress& from) noexcept {
  return r.route == Route::service && r.service == "guarded" && from == kStranger;
}

bool edited(const RequestPlan& r) noexcept { return r.route == Route::service && r.service == "guarded"; }

}  // namespace gatehouse::sim
