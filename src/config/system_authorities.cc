#include "config/system_authorities.h"

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

const Location* verified_by_system(const Spec& spec) {
  for (const ServiceSpec& s : spec.services) {
    if (!s.tls.verify || !s.tls.ca.empty()) continue;
    for (const VersionSpec& v : s.versions) {
      for (const UrlSpec& u : v.urls)
        if (u.tls) return &u.at;
    }
  }
  if (!spec.auth) return nullptr;
  for (const IssuerSpec& issuer : spec.auth->issuers) {
    if (issuer.discovery && issuer.discovery->tls) return &issuer.at;
    if (issuer.jwks && issuer.jwks->url && issuer.jwks->url->tls) return &issuer.jwks->at;
  }
  return nullptr;
}

std::expected<PemText, std::string> read_system_authorities(const Environment& environment) {
  const auto read = [&](const std::string& path) -> PemText {
    auto text = environment.read_file ? environment.read_file(path) : std::nullopt;
    if (!text || text->size() > kMaxFileSize || text->find("-----BEGIN ") == std::string::npos) return {};
    return {path, std::move(*text), {path, 0, 0}};
  };
  const auto variable = [&](const char* name) {
    return (environment.variable ? environment.variable(name) : std::nullopt).value_or("");
  };
  if (const std::string named = variable("SSL_CERT_FILE"); !named.empty()) {
    if (PemText found = read(named); !found.empty()) return found;
    return std::unexpected("SSL_CERT_FILE names `" + named + "`, which holds no certificates");
  }
  if (!variable("SSL_CERT_DIR").empty()) return PemText{};
  for (const char* place : kPlaces) {
    if (PemText found = read(place); !found.empty()) return found;
  }
  return PemText{};
}

}  // namespace gatehouse::config
