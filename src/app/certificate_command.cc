#include "app/certificate_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "config/values.h"
#include "net/tls_context.h"

namespace gatehouse::app {
namespace {

// A file that takes its place when it is whole. What went wrong is a line; empty if nothing did.
class FreshFile {
 public:
  FreshFile(std::string path, bool replace)
      : path_(std::move(path)), fresh_(path_ + ".XXXXXX"), replace_(replace) {}
  FreshFile(const FreshFile&) = delete;
  ~FreshFile() {
    if (written_) ::unlink(fresh_.c_str());
  }
  std::string refusal() {
    struct stat status{};
    if (::lstat(path_.c_str(), &status) != 0) return {};
    if (!replace_) return is_there();
    there_ = true;
    return S_ISREG(status.st_mode) ? std::string() : fmt::format("`{}` is no regular file", path_);
  }
  // Nobody but its owner reads what `mode` keeps from others, not even for a moment.
  std::string write(std::string_view text, mode_t mode) {
    int fd = ::mkostemp(fresh_.data(), O_CLOEXEC);
    if (fd < 0) return trouble();
    written_ = true;
    errno = ENOSPC;  // what a short write means
    bool good = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    good = good && ::fchmod(fd, mode) == 0;
    good = ::close(fd) == 0 && good;
    return good ? std::string() : trouble();
  }
  // What stood there before takes the other name, until it is known that nothing is to be taken back.
  std::string put_in_place() {
    if (move(there_ ? RENAME_EXCHANGE : RENAME_NOREPLACE) != 0)
      return errno == EEXIST ? is_there() : trouble();
    written_ = there_;
    return {};
  }
  void take_back() {
    if (there_) {
      (void)move(RENAME_EXCHANGE);
    } else {
      ::unlink(path_.c_str());
    }
  }

 private:
  int move(unsigned how) const {
    int done = ::renameat2(AT_FDCWD, fresh_.c_str(), AT_FDCWD, path_.c_str(), how);
    // Not every file system knows these. There the old file goes at once, or the new one replaces what has
    // come within a moment.
    if (done != 0 && errno == EINVAL) done = std::rename(fresh_.c_str(), path_.c_str());
    return done;
  }
  std::string is_there() const { return fmt::format("`{}` is there already; --force replaces it", path_); }
  std::string trouble() const {
    return fmt::format("`{}` cannot be written: {}", path_, std::strerror(errno));
  }
  std::string path_;
  std::string fresh_;
  bool replace_;
  bool there_ = false;  // a file to be replaced
  bool written_ = false;
};

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
