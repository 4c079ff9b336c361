#include "gateway/preflight.h"

#include <algorithm>

#include "http/characters.h"

namespace gatehouse::gateway {
namespace {

constexpr std::size_t kLongestMethod = 64;

bool is_method(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kLongestMethod &&
         std::ranges::all_of(text, [](char c) { return http::is(c, http::kToken); });
}

}  // namespace

std::string_view method_announced_by(const http::RequestHead& head) noexcept {
  if (head.method != http::Method::options || head.asterisk) return {};
  if (!head.headers.has(http::HeaderId::origin)) return {};
  std::string_view method;
  std::size_t origins = 0;
  std::size_t methods = 0;
  for (const http::Header& h : head.headers) {
    if (h.id == http::HeaderId::origin) ++origins;
    if (h.id != http::HeaderId::other || !http::iequals(h.name, "access-control-request-method")) continue;
    ++methods;
    method = h.value;
  }
  return origins == 1 && methods == 1 && is_method(method) ? method : std::string_view{};
}

RouteChoice match_announced(const Router& router, RouteQuery& query, std::string_view method,
                            RouterScratch& scratch) {
  static constexpr Attributes kNone;
  query.method_text = method;
  query.method = http::method_of(method);
  query.attributes = &kNone;
  RouteChoice choice = router.match(query, scratch);
  if (choice.kind == RouteChoice::Kind::found) return choice;
  query.unsent_holds = true;
  return router.match(query, scratch);
}

}  // namespace gatehouse::gateway
