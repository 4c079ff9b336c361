// `gatehouse cert`: a certificate for development.
#pragma once

#include <string>
#include <vector>

namespace gatehouse::app {

struct CertOptions {
  std::vector<std::string> hosts{"localhost", "127.0.0.1", "::1"};  // names and addresses
  int days = 365;
  std::string cert = "cert.pem";
  std::string key = "key.pem";
  bool force = false;  // replace files that are there
};
// Self-signed. Exit status: 0, or 1 if a file is there already or cannot be written.
int cert(const CertOptions& options);

}  // namespace gatehouse::app
