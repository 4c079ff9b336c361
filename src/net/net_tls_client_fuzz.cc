// Bytes of a service into our side of TLS.
#include "net/tls_fuzzing.h"

namespace {

using namespace gatehouse::net;

std::unique_ptr<TlsStream> dial(StreamPtr inner) {
  static const std::shared_ptr<const TlsClientContext> context =
      *TlsClientContext::make({.ca = fuzzing::identity().chain});
  return std::make_unique<TlsStream>(std::move(inner), context, TlsServerName{"server.test", nullptr});
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  fuzzing::make_deterministic();
  fuzzing::record_if_asked(fuzzing::Peer(TLS_server_method(), true), dial);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzzing::run(data, size, dial);
}
