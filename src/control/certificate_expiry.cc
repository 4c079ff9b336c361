#include "control/certificate_expiry.h"

#include <fmt/format.h>

#include <algorithm>

namespace gatehouse::control {
namespace {

std::string in_words(Duration left) {
  auto days = std::chrono::duration_cast<std::chrono::days>(left).count();
  if (left <= Duration::zero()) return "has expired";
  if (days < 1) return "expires within a day";
  return fmt::format("expires in {} day{}", days, days == 1 ? "" : "s");
}

}  // namespace

std::vector<CertificateLeft> certificates_left(const gateway::Snapshot& snapshot, WallTime now) {
  std::vector<CertificateLeft> all;
  for (const auto& listener : snapshot.listeners()) {
    if (!listener.tls) continue;
    for (const auto& c : listener.tls->certificates()) {
      CertificateLeft one{listener.spec.name, c.names.empty() ? std::string_view() : c.names.front(),
                          c.until - now};
      auto same = std::ranges::find_if(all, [&](const CertificateLeft& o) {  // with another kind of key
        return o.listener == one.listener && o.name == one.name;
      });
      if (same == all.end()) {
        all.push_back(one);
      } else {
        same->left = std::min(same->left, one.left);
      }
    }
  }
  return all;
}

void ExpiryWarnings::look(const gateway::Snapshot& snapshot, WallTime now) {
  std::map<std::string, WallTime> said;
  for (const CertificateLeft& c : certificates_left(snapshot, now)) {
    if (c.left > kAhead) continue;
    std::string key = fmt::format("{} {}", c.listener, c.name);
    auto before = said_.find(key);
    bool again = before == said_.end() || now - before->second >= 24h;
    if (again)
      log_.warning(fmt::format("the certificate of listener {} for {} {}", c.listener,
                               c.name.empty() ? "no name" : c.name, in_words(c.left)));
    said[std::move(key)] = again ? now : before->second;
  }
  said_ = std::move(said);
}

}  // namespace gatehouse::control
