// Any certificate as a peer may show it: what is said of it is text, of a size that it warrants.
#include <openssl/err.h>

#include <cstdlib>

#include "net/tls_certificate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse::net;
  const unsigned char* at = data;
  X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(size)));
  if (certificate) {
    const TlsPeer peer = describe(*certificate);
    if (peer.sha256.size() != 64) std::abort();
    std::size_t names = 0;
    for (const auto& name : peer.names) names += name.size();
    if (names > 16 * size || peer.subject.size() > 16 * size) std::abort();
    (void)valid_from(*certificate);
    (void)valid_until(*certificate);
  }
  ERR_clear_error();
  return 0;
}
