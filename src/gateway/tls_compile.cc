#include "gateway/tls_compile.h"

#include <algorithm>

#include "gateway/certificate_source.h"

namespace gatehouse::gateway {
namespace {

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
  Certificates certificates = certificate_source(spec).certificates(spec, registry);
  result.state = std::move(certificates.state);
  net::TlsServerContext::Settings settings;
  settings.identities = std::move(certificates.identities);
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
    const auto& written = spec.certificates;
    report(written[std::min(made.error().identity, written.size() - 1)], spec.client_ca, made.error(),
           diagnostics);
  }
  return result;
}

ServiceTls compile_tls(const config::ServiceSpec& service,
                       const std::shared_ptr<const net::TlsAuthorities>& system, StateRegistry& registry,
                       config::Diagnostics& diagnostics) {
  bool secure = std::ranges::any_of(service.versions, [](const config::VersionSpec& v) {
    return std::ranges::any_of(v.urls, [](const config::UrlSpec& u) { return u.tls; });
  });
  if (!secure) return {};
  const config::ServiceTlsSpec& spec = service.tls;
  net::TlsClientContext::Settings settings{.ca = spec.ca.text,
                                           .system = system,
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

std::shared_ptr<const net::TlsAuthorities> system_authorities(const config::Spec& spec,
                                                              StateRegistry& registry,
                                                              config::Diagnostics& diagnostics) {
  const config::PemText& pem = spec.system_ca;
  if (pem.empty()) return nullptr;
  auto read = registry.get<net::TlsAuthorities>("tls/system/" + net::TlsAuthorities::fingerprint_of(pem.text),
                                                [&] { return net::TlsAuthorities::read(pem.text); });
  if (!read) report(pem, "holds no certificate that can be read", diagnostics);  // and nobody else is trusted
  return read;
}

}  // namespace gatehouse::gateway
