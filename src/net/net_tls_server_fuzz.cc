// Bytes of a client into our side of TLS.
#include "net/tls_fuzzing.h"

namespace {

using namespace gatehouse::net;

std::unique_ptr<TlsStream> serve(StreamPtr inner) {
  static const std::shared_ptr<const TlsServerContext> context = [] {
    TlsServerContext::Settings settings;
    settings.identities = {fuzzing::identity()};
    settings.client_ca = fuzzing::identity().chain;
    settings.client = TlsServerContext::ClientCertificate::optional;
    return *TlsServerContext::make(std::move(settings));
  }();
  return std::make_unique<TlsStream>(std::move(inner), context);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  fuzzing::make_deterministic();
  fuzzing::record_if_asked(fuzzing::Peer(TLS_client_method(), false), serve);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzzing::run(data, size, serve);
}
