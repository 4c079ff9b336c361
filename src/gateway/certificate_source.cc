#include "gateway/certificate_source.h"

namespace gatehouse::gateway {
namespace {

constexpr int kDevelopmentDays = 30;

// Read by the loader, which knows where they stand, and watched by control.
class CertificateFiles final : public CertificateSource {
 public:
  Certificates certificates(const config::ListenerTlsSpec& tls, StateRegistry&) const override {
    Certificates all;
    for (const auto& c : tls.certificates) all.identities.push_back({c.cert.text, c.key.text});
    return all;
  }
};

// One for all listeners, kept over reloads.
class DevelopmentCertificate final : public CertificateSource {
 public:
  Certificates certificates(const config::ListenerTlsSpec&, StateRegistry& registry) const override {
    auto identity = registry.get<net::TlsIdentity>("tls/development", [] {
      return std::make_shared<net::TlsIdentity>(
          net::make_development_identity({"localhost", "127.0.0.1", "::1"}, kDevelopmentDays));
    });
    return {{*identity}, identity};
  }
};

}  // namespace

const CertificateSource& certificate_source(const config::ListenerTlsSpec& tls) noexcept {
  static const CertificateFiles files;
  static const DevelopmentCertificate development;
  if (tls.development) return development;
  return files;
}

}  // namespace gatehouse::gateway
