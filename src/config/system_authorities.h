// The authorities that the system trusts, as a file of the configuration: read with it, watched, and loaded
// again when it changes.
#pragma once

#include "config/loader.h"

namespace gatehouse::config {

// Whether a service is verified by them: `https`, without `ca`.
bool needs_system_authorities(const Spec& spec);
// $SSL_CERT_FILE, or the first of the usual places that holds certificates. Empty if none does.
PemText read_system_authorities(const Environment& environment);

}  // namespace gatehouse::config
