#include "app/certificate_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <string_view>
#include <utility>

#include "app/fresh_file.h"
#include "config/values.h"
#include "net/tls_context.h"

namespace gatehouse::app {
namespace {

bool same_file(const std::string& a, const std::string& b) {
  std::error_code wrong;
  const auto whole_a = std::filesystem::weakly_canonical(a, wrong);
  const auto whole_b = std::filesystem::weakly_canonical(b, wrong);
  return wrong ? a == b : whole_a == whole_b;
}

// Both files, or neither.
std::string write(const CertOptions& options, const net::TlsIdentity& identity) {
  if (same_file(options.cert, options.key)) return "certificate and key are two files: --cert and --key";
  FreshFile key(options.key, options.force);
  FreshFile cert(options.cert, options.force);
  for (FreshFile* file : {&key, &cert})
    if (std::string wrong = file->refusal(); !wrong.empty()) return wrong;
  if (std::string wrong = key.write(identity.key, 0600); !wrong.empty()) return wrong;
  if (std::string wrong = cert.write(identity.chain, 0644); !wrong.empty()) return wrong;
  if (std::string wrong = key.put_in_place(); !wrong.empty()) return wrong;
  std::string wrong = cert.put_in_place();
  if (!wrong.empty()) key.take_back();
  return wrong;
}

}  // namespace

int cert(const CertOptions& options) {
  for (const auto& host : options.hosts) {
    if (config::is_host(host.starts_with("*.") ? host.substr(2) : host) || config::is_address(host)) continue;
    std::fputs(fmt::format("`{}` is no host and no address\n", host).c_str(), stderr);
    return 1;
  }
  net::TlsIdentity made = net::make_development_identity(options.hosts, options.days);
  if (std::string wrong = write(options, made); !wrong.empty()) {
    std::fputs((wrong + "\n").c_str(), stderr);
    return 1;
  }
  std::fputs(fmt::format("{} and {}: for {}, good for {} days. Not for production.\n"
                         "  listen: {{public: {{port: 8443, tls: {{cert: {}, key: {}}}}}}}\n",
                         options.cert, options.key, fmt::join(options.hosts, ", "), options.days,
                         options.cert, options.key)
                 .c_str(),
             stdout);
  return 0;
}

}  // namespace gatehouse::app
