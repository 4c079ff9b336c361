#include "gateway/tls_compile.h"

#include <algorithm>

namespace gatehouse::gateway {
namespace {

constexpr int kDevelopmentDays = 30;

void report(const config::PemText& pem, const std::string& what, config::Diagnostics& diagnostics) {
  diagnostics.push_back({config::Diagnostic::Level::error, pem.at, "`" + pem.shown + "` " + what, {}});
}

void report(const config::CertificateSpec& c, const config::PemText& ca, const net::TlsTrouble& trouble,
            config::Diagnostics& diagnostics) {
  switch (trouble.part) {
    case net::TlsTrouble::Part::chain: return report(c.cert, trouble.what, diagnostics);
    case net::TlsTrouble::Part::key:
      return report(c.key.shown.empty() ? c.cert : c.key, trouble.what, diagnostics);
    case net::TlsTrouble::Part::ca: return report(ca, trouble.what, diagnostics);
  }
}

// Set by the process where it was asked for, before the first configuration.
net::TlsKeyLog key_log_of(StateRegistry& registry) { return *registry.get<net::TlsKeyLog>(kTlsKeyLog); }

}  // namespace

ListenerTls compile_tls(const config::ListenerSpec& listener, StateRegistry& registry,
                        config::Diagnostics& diagnostics) {
  ListenerTls result;
  if (!listener.tls) return result;
  const config::ListenerTlsSpec& spec = *listener.tls;
  net::TlsServerContext::Settings settings;
  if (spec.development) {
    auto identity = registry.get<net::TlsIdentity>("tls/development", [] {
      return std::make_shared<net::TlsIdentity>(
          net::make_development_identity({"localhost", "127.0.0.1", "::1"}, kDevelopmentDays));
    });
    settings.identities.push_back(*identity);
    result.state = std::move(identity);
  } else {
    for (const auto& c : spec.certificates) settings.identities.push_back({c.cert.text, c.key.text});
  }
  if (settings.identities.empty()) {  // `tls: on`: never in clear text instead
    diagnostics.push_back({config::Diagnostic::Level::error, listener.at, "`tls` has no certificate",
                           "Write `tls: {cert: FILE, key: FILE}`, or `tls: dev`"});
    return result;
  }
  using Client = config::ListenerTlsSpec::Client;
  using Asked = net::TlsServerContext::ClientCertificate;
  settings.client_ca = spec.client_ca.text;
  settings.client = spec.client == Client::none       ? Asked::none
                    : spec.client == Client::optional ? Asked::optional
                                                      : Asked::required;
  settings.only_1_3 = spec.only_1_3;
  settings.scope = listener.name;
  settings.tickets = registry.get<net::RotatingTicketKeys>("tls/tickets");
  settings.key_log = key_log_of(registry);
  auto made = net::TlsServerContext::make(std::move(settings));
  if (made) {
    result.context = std::move(*made);
  } else {
    const auto& certificates = spec.certificates;
    report(certificates[std::min(made.error().identity, certificates.size() - 1)], spec.client_ca,
           made.error(), diagnostics);
  }
  return result;
}

ServiceTls compile_tls(const config::ServiceSpec& service, StateRegistry& registry,
                       config::Diagnostics& diagnostics) {
  bool secure = std::ranges::any_of(service.versions, [](const config::VersionSpec& v) {
    return std::ranges::any_of(v.urls, [](const config::UrlSpec& u) { return u.tls; });
  });
  if (!secure) return {};
  const config::ServiceTlsSpec& spec = service.tls;
  net::TlsClientContext::Settings settings{.ca = spec.ca.text,
                                           .identity = {spec.identity.cert.text, spec.identity.key.text},
                                           .verify = spec.verify,
                                           .key_log = key_log_of(registry)};
  auto made = net::TlsClientContext::make(settings);
  if (!made) {
    report(spec.identity, spec.ca, made.error(), diagnostics);
    return {};
  }
  // By what it is made of: a configuration that is refused changes nothing for the one that runs.
  auto state = registry.get<ServiceTls>(
      "tls/service/" + service.name + "/" + net::TlsClientContext::fingerprint(settings),
      [&] { return std::make_shared<ServiceTls>(*made, registry.next_index(), nullptr); });
  return {state->context, state->number, state};
}

}  // namespace gatehouse::gateway
