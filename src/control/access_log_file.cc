#include "control/access_log_file.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace gatehouse::control {
namespace {

std::unexpected<std::string> failure(const config::Secret& to) {
  return std::unexpected("access log `" + to.source() + "`: " + std::generic_category().message(errno));
}

}  // namespace

AccessLogFile::AccessLogFile(AccessLogFile&& o) noexcept
    : to_(std::move(o.to_)), stdout_fd_(o.stdout_fd_), fd_(std::exchange(o.fd_, -1)), kind_(o.kind_) {}

AccessLogFile& AccessLogFile::operator=(AccessLogFile&& o) noexcept {
  std::swap(to_, o.to_);
  std::swap(stdout_fd_, o.stdout_fd_);
  std::swap(fd_, o.fd_);
  std::swap(kind_, o.kind_);
  return *this;
}

AccessLogFile::~AccessLogFile() {
  if (fd_ >= 0) ::close(fd_);
}

std::expected<AccessLogFile, std::string> AccessLogFile::open(const config::Secret& to, int stdout_fd) {
  AccessLogFile file;
  if (to.reveal() == "stdout") {
    auto standard = AccessLogFile::to(stdout_fd);
    if (!standard) return failure(to);
    file = std::move(*standard);
  } else {
    file.fd_ =
        ::open(to.reveal().c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
    if (file.fd_ < 0) return failure(to);
  }
  file.to_ = to;
  file.stdout_fd_ = stdout_fd;
  return file;
}

std::optional<AccessLogFile> AccessLogFile::to(int fd) {
  AccessLogFile file;
  struct stat about{};
  if (::fstat(fd, &about) != 0) return std::nullopt;
  // A file description of our own can be non-blocking; O_NONBLOCK on the given one would reach whoever shares
  // it.
  if (S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode)) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    file.fd_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file.fd_ < 0) file.kind_ = Kind::small_steps;
  } else if (S_ISSOCK(about.st_mode)) {
    file.kind_ = Kind::socket;
  }
  if (file.fd_ < 0) file.fd_ = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (file.fd_ < 0) return std::nullopt;
  return file;
}

AccessLogFile::Written AccessLogFile::write_step(std::string_view bytes) noexcept {
  ssize_t n = 0;
  if (kind_ == Kind::socket) {
    n = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } else {
    if (kind_ == Kind::small_steps) {
      pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
      if (::poll(&ready, 1, 0) == 0) return {.would_block = true};
      bytes = bytes.substr(0, PIPE_BUF);
    }
    n = ::write(fd_, bytes.data(), bytes.size());
  }
  if (n >= 0) return {.bytes = static_cast<std::size_t>(n)};
  if (errno == EINTR) return {};
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {.would_block = true};
  return {.error = errno};
}

AccessLogFile::Written AccessLogFile::write(std::string_view bytes) noexcept {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const Written step = write_step(bytes.substr(done));
    done += step.bytes;
    if (step.would_block || step.error) return {done, step.would_block, step.error};
  }
  return {.bytes = done};
}

std::expected<void, std::string> AccessLogFile::reopen() {
  auto anew = open(to_, stdout_fd_);
  if (!anew) return std::unexpected(anew.error());
  *this = std::move(*anew);
  return {};
}

}  // namespace gatehouse::control
