// The authorities that the system trusts, as a file of the configuration: read with it, watched, and loaded
// again when it changes.
#pragma once

#include <expected>
#include <string>

#include "config/loader.h"

namespace gatehouse::config {

// Where the first `https` URL stands that is verified by them: of a service without `ca`, of an issuer or its
// keys. Null: none is.
const Location* verified_by_system(const Spec& spec);
// $SSL_CERT_FILE, or the first of the usual places that holds certificates. Empty if none does, and where
// $SSL_CERT_DIR names a folder instead: OpenSSL knows how to read those. An error if the file that is named
// holds none: others must not be trusted in its place.
std::expected<PemText, std::string> read_system_authorities(const Environment& environment);

}  // namespace gatehouse::config
