// `--tls-key-log`: the keys of TLS sessions, for whoever looks into a recording of the traffic.
#pragma once

#include <expected>
#include <string>

#include "net/tls_context.h"

namespace gatehouse::control {

// Appends lines in the format of SSLKEYLOGFILE, from any thread. What it returns holds the file open. A file
// that others could read, own or have put a link in the place of is refused. An error is one clear line.
std::expected<net::TlsKeyLog, std::string> open_key_log(const std::string& path);

}  // namespace gatehouse::control
