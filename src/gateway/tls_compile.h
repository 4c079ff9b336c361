// From what a configuration says about TLS to what connections use.
#pragma once

#include <memory>

#include "config/diagnostic.h"
#include "config/spec.h"
#include "gateway/registry.h"
#include "net/tls_context.h"

namespace gatehouse::gateway {

inline constexpr std::string_view kTlsKeyLog = "tls/key-log";  // in the registry: a net::TlsKeyLog

// Thread: control, at compile time. Without a context, and with errors among the diagnostics, if a
// certificate or key is of no use.
struct ListenerTls {
  std::shared_ptr<const net::TlsServerContext> context;
  std::shared_ptr<const void> state{};  // likewise
};
ListenerTls compile_tls(const config::ListenerSpec& listener, StateRegistry& registry,
                        config::Diagnostics& diagnostics);

// What a service's https URLs use. Unchanged settings keep their context over reloads, and with it pools and
// sessions; `number` tells one from another.
struct ServiceTls {
  std::shared_ptr<const net::TlsClientContext> context;
  std::uint32_t number = 0;
  std::shared_ptr<const void>
      state{};  // to be held as long as it is used: the registry forgets what nobody holds
};
// `system`: see system_authorities.
ServiceTls compile_tls(const config::ServiceSpec& service,
                       const std::shared_ptr<const net::TlsAuthorities>& system, StateRegistry& registry,
                       config::Diagnostics& diagnostics);

// What the system trusts, if a service needs it; parsed anew when it has changed. Null: OpenSSL's own.
std::shared_ptr<const net::TlsAuthorities> system_authorities(const config::Spec& spec,
                                                              StateRegistry& registry,
                                                              config::Diagnostics& diagnostics);

}  // namespace gatehouse::gateway
