#include "config/spec.h"

namespace gatehouse::config {

const Written::Entry* Written::find(std::size_t field) const noexcept {
  for (const Entry& entry : entries) {
    if (entry.field == field) return &entry;
  }
  return nullptr;
}

std::string shown(const HostPattern& host) {
  if (!host.shown.empty()) return host.shown;
  if (host.text.empty()) return "*";
  return host.wildcard ? "*" + host.text : host.text;
}

std::string shown(const Target& target) {
  if (!target.shown.empty()) return target.shown;
  return target.version.empty() ? target.service : target.service + '.' + target.version;
}

std::string shown(const OriginPattern& origin) {
  if (!origin.shown.empty()) return origin.shown;
  if (origin.kind == OriginPattern::Kind::every) return "*";
  return origin.scheme + (origin.kind == OriginPattern::Kind::below ? "*" : "") + origin.host;
}

const CorsSpec* cors_of(const RouteSpec& route, const ServiceSpec* service) noexcept {
  if (route.cors_given) return route.cors ? &*route.cors : nullptr;
  return service != nullptr && service->cors ? &*service->cors : nullptr;
}

}  // namespace gatehouse::config
