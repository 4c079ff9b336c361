// Where the certificates of a listener come from.
//
// A source never waits and never fails late: it has what it gives (read, made, or fetched before), and a
// snapshot is compiled with it. What changes later is a new snapshot: whoever notices asks control for a
// reload, by the path that changed files take (docs/decisions/0008).
#pragma once

#include <memory>
#include <vector>

#include "config/spec.h"
#include "gateway/registry.h"
#include "net/tls_context.h"

namespace gatehouse::gateway {

struct Certificates {
  std::vector<net::TlsIdentity> identities;  // chosen by SNI; the first is the default. Empty: there is none
  std::shared_ptr<const void> state{};       // to be held as long as they are used
};

// Immutable. Thread: control, at compile time.
class CertificateSource {
 public:
  virtual ~CertificateSource() = default;
  virtual Certificates certificates(const config::ListenerTlsSpec& tls, StateRegistry& registry) const = 0;
};

// The one that `tls` asks for: files, or `dev`.
const CertificateSource& certificate_source(const config::ListenerTlsSpec& tls) noexcept;

}  // namespace gatehouse::gateway
