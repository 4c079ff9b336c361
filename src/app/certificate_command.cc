#include "app/certificate_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "config/values.h"
#include "net/tls_context.h"

namespace gatehouse::app {
namespace {

bool is_there(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

// A file that takes its place when it is whole. What went wrong is a line; empty if nothing did.
class FreshFile {
 public:
  FreshFile(std::string path, bool replace)
      : path_(std::move(path)), fresh_(path_ + ".new"), replace_(replace) {}
  FreshFile(const FreshFile&) = delete;
  ~FreshFile() {
    if (written_) ::unlink(fresh_.c_str());
  }
  std::string refusal() const {
    if (replace_ || !is_there(path_)) return {};
    return fmt::format("`{}` is there already; --force replaces it", path_);
  }
  // Nobody but its owner reads what `mode` keeps from others, not even for a moment.
  std::string write(std::string_view text, mode_t mode) {
    ::unlink(fresh_.c_str());
    int fd = ::open(fresh_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) return trouble();
    written_ = true;
    bool good = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    good = ::close(fd) == 0 && good;
    return good ? std::string() : trouble();
  }
  std::string put_in_place() {
    if (!replace_) {  // a link takes no place that is taken
      if (::link(fresh_.c_str(), path_.c_str()) == 0) return {};
      return errno == EEXIST ? refusal() : trouble();
    }
    if (std::rename(fresh_.c_str(), path_.c_str()) != 0) return trouble();
    written_ = false;
    return {};
  }
  void take_back() const {
    if (!replace_) ::unlink(path_.c_str());
  }

 private:
  std::string trouble() const {
    return fmt::format("`{}` cannot be written: {}", path_, std::strerror(errno));
  }
  std::string path_;
  std::string fresh_;
  bool replace_;
  bool written_ = false;
};

// Both files, or neither.
std::string write(const CertOptions& options, const net::TlsIdentity& identity) {
  if (options.cert == options.key) return "certificate and key are two files: --cert and --key";
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
