#include "control/key_log_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace gatehouse::control {

std::expected<net::TlsKeyLog, std::string> open_key_log(const std::string& path) {
  auto refuse = [&](std::string_view why) {
    return std::unexpected(fmt::format("`{}` is not used for keys: {}", path, why));
  };
  // O_NONBLOCK: a pipe that nobody reads must not hold up the start.
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd < 0) return refuse(errno == ELOOP ? "it is a symbolic link" : std::strerror(errno));
  std::shared_ptr<const int> file(new int(fd), [](const int* f) {
    ::close(*f);
    delete f;
  });
  struct stat status{};
  if (::fstat(fd, &status) != 0) return refuse(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return refuse("it is no regular file");
  if (status.st_uid != ::geteuid()) return refuse("it belongs to another user");
  if (status.st_nlink != 1) return refuse("it has another name elsewhere");
  if (status.st_mode & (S_IRWXG | S_IRWXO)) return refuse("others may read or write it; `chmod 600` it");
  return [file](std::string_view line) {
    std::string text(line);
    text += '\n';
    (void)!::write(*file, text.data(), text.size());  // one write: lines of several threads stay whole
  };
}

}  // namespace gatehouse::control
