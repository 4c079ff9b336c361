#include "app/certificate_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "config/values.h"
#include "net/tls_context.h"

namespace gatehouse::app {
namespace {

// What went wrong; empty if nothing did. Nobody but its owner reads what `mode` keeps from others, not even
// for a moment.
std::string write_file(const std::string& path, std::string_view text, mode_t mode, bool replace) {
  const std::string fresh = path + ".new";
  const std::string& target = replace ? fresh : path;
  if (replace) ::unlink(fresh.c_str());
  int fd = ::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0 && errno == EEXIST) return fmt::format("`{}` is there already; --force replaces it", path);
  if (fd < 0) return fmt::format("`{}` cannot be written: {}", path, std::strerror(errno));
  bool good = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  good = ::close(fd) == 0 && good;
  if (good && replace) good = std::rename(fresh.c_str(), path.c_str()) == 0;
  return good ? std::string() : fmt::format("`{}` cannot be written: {}", path, std::strerror(errno));
}

}  // namespace

int cert(const CertOptions& options) {
  for (const auto& host : options.hosts) {
    if (config::is_host(host.starts_with("*.") ? host.substr(2) : host) || config::is_address(host)) continue;
    std::fputs(fmt::format("`{}` is no host and no address\n", host).c_str(), stderr);
    return 1;
  }
  net::TlsIdentity made = net::make_development_identity(options.hosts, options.days);
  std::string wrong = write_file(options.key, made.key, 0600, options.force);
  if (wrong.empty()) wrong = write_file(options.cert, made.chain, 0644, options.force);
  if (!wrong.empty()) {
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
