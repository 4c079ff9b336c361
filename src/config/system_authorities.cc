#include "config/system_authorities.h"

#include <algorithm>
#include <array>
#include <utility>

#include "config/yaml.h"

namespace gatehouse::config {

namespace {

constexpr std::array<const char*, 4> kPlaces = {
    "/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu, Arch, Gentoo, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora, Red Hat
    "/etc/ssl/ca-bundle.pem",              // SUSE
    "/etc/ssl/cert.pem",                   // Alpine, BSD
};

}  // namespace

bool needs_system_authorities(const Spec& spec) {
  return std::ranges::any_of(spec.services, [](const ServiceSpec& s) {
    if (!s.tls.verify || !s.tls.ca.empty()) return false;
    return std::ranges::any_of(s.versions, [](const VersionSpec& v) {
      return std::ranges::any_of(v.urls, [](const UrlSpec& u) { return u.tls; });
    });
  });
}

PemText read_system_authorities(const Environment& environment) {
  const auto read = [&](const std::string& path) -> PemText {
    auto text = environment.read_file ? environment.read_file(path) : std::nullopt;
    if (!text || text->size() > kMaxFileSize || text->find("-----BEGIN ") == std::string::npos) return {};
    return {path, std::move(*text), {path, 0, 0}};
  };
  const auto named = environment.variable ? environment.variable("SSL_CERT_FILE") : std::nullopt;
  if (named && !named->empty()) return read(*named);
  for (const char* place : kPlaces) {
    if (PemText found = read(place); !found.empty()) return found;
  }
  return {};
}

}  // namespace gatehouse::config
