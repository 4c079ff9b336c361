#include "filters/access/access_rule.h"

#include <algorithm>

namespace gatehouse::filters {

void AccessRule::add(const config::ServiceSpec& service) {
  if (service.only.empty() && service.allow.empty() && service.deny.empty()) return;
  services_.push_back({service.only, AddressSet(service.allow), AddressSet(service.deny)});
}

std::optional<AccessRule::Refused> AccessRule::judge(std::string_view listener,
                                                     const IpAddress& client) const noexcept {
  // First whether there is anything here at all: a 403 would tell.
  for (const Service& s : services_) {
    if (!s.only.empty() && std::ranges::find(s.only, listener) == s.only.end())
      return Refused{Errc::no_route, "no route matches this request"};
  }
  for (const Service& s : services_) {
    if (s.deny.contains(client)) return Refused{Errc::denied, "this address is denied"};
    if (!s.allow.empty() && !s.allow.contains(client))
      return Refused{Errc::denied, "this address is not allowed"};
  }
  return std::nullopt;
}

}  // namespace gatehouse::filters
