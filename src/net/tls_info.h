// What a stream over TLS knows about itself and its peer: data of the connection, for routing, log and
// checks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace gatehouse::net {

// A verified certificate of the peer.
struct TlsPeer {
  std::string subject;             // RFC 2253: "CN=orders,O=Example"
  std::vector<std::string> names;  // subjectAltName: "orders.example.com", "spiffe://mesh/orders", "10.0.0.7"
  std::string sha256;              // of the certificate's DER, in lower-case hex
};

class TlsInfo {
 public:
  virtual std::string_view server_name() const noexcept = 0;  // by SNI; empty = none was sent
  virtual std::string_view version() const noexcept = 0;      // "TLSv1.3"
  virtual std::string_view cipher() const noexcept = 0;       // "TLS_AES_128_GCM_SHA256": OpenSSL's name
  virtual std::string_view protocol() const noexcept = 0;     // by ALPN: "http/1.1"; empty = none was chosen
  virtual bool resumed() const noexcept = 0;                  // an earlier session goes on
  virtual const TlsPeer* certificate() const noexcept = 0;    // of the peer; null: it showed none
  // True unless the certificate that we showed does not cover `host` and another of ours would (RFC 9110
  // section 15.5.20).
  virtual bool speaks_for(std::string_view host) const noexcept = 0;

 protected:
  ~TlsInfo() = default;
};

}  // namespace gatehouse::net
