// Certificates and keys as OpenSSL has them: reading, and what they say. Internal to net/.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "net/tls_info.h"

namespace gatehouse::net {

template <auto Free>
struct FreeWith {
  void operator()(auto* p) const noexcept { Free(p); }
};
using X509Ptr = std::unique_ptr<X509, FreeWith<&X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<&EVP_PKEY_free>>;

// For OpenSSL's readers of PEM: nobody is asked on a terminal.
int no_pass_phrase(char*, int, int, void*) noexcept;

// All certificates of a PEM text, in order; none if one of them cannot be read.
std::vector<X509Ptr> read_certificates(std::string_view pem);
KeyPtr read_key(std::string_view pem);  // null if there is none, or it asks for a pass phrase

// subjectAltName: DNS names in lower case, addresses and URIs as text.
std::vector<std::string> names_of(const X509& certificate);
WallTime valid_from(const X509& certificate);
WallTime valid_until(const X509& certificate);
TlsPeer describe(const X509& certificate);

}  // namespace gatehouse::net
