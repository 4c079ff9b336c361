#include "control/service_notices.h"

#include <fmt/format.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace gatehouse::control {
namespace {

constexpr std::size_t kLongestStatus = 500;  // a datagram is bounded, and a thousand listeners are no status

std::int64_t microseconds(Duration d) {
  return std::chrono::duration_cast<std::chrono::microseconds>(d).count();
}

// One line: whatever follows a line break would be another assignment.
std::string status_line(std::string_view status) {
  std::string line(status.substr(0, kLongestStatus));
  if (status.size() > kLongestStatus) line += "...";
  std::ranges::replace(line, '\n', ' ');
  return line;
}

}  // namespace

std::expected<ServiceNotices, std::string> ServiceNotices::open(std::string_view name) {
  ServiceNotices notices;
  if (name.size() < 2 || (name[0] != '/' && name[0] != '@'))
    return std::unexpected(fmt::format("`{}` is neither a path nor an abstract name", name));
  sockaddr_un& address = notices.address_;
  if (name.size() >= sizeof address.sun_path)
    return std::unexpected(fmt::format("`{}` is too long for a socket", name));
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name[0] == '@') address.sun_path[0] = '\0';
  // A path ends with its zero; an abstract name is as long as it is said to be.
  notices.address_size_ =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (name[0] == '/' ? 1 : 0));
  notices.fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (notices.fd_ < 0) return std::unexpected(std::string(std::strerror(errno)));
  const timeval patience{.tv_sec = 0, .tv_usec = static_cast<suseconds_t>(microseconds(kPatience))};
  ::setsockopt(notices.fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return notices;
}

ServiceNotices::ServiceNotices(ServiceNotices&& o) noexcept
    : on_trouble(std::move(o.on_trouble)),
      fd_(std::exchange(o.fd_, -1)),
      address_(o.address_),
      address_size_(o.address_size_),
      in_trouble_(o.in_trouble_) {}

ServiceNotices::~ServiceNotices() {
  if (fd_ >= 0) ::close(fd_);
}

void ServiceNotices::ready(std::string_view status) {
  send(fmt::format("READY=1\nSTATUS={}", status_line(status)));
}

void ServiceNotices::reloading(Time now) {
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", microseconds(now.time_since_epoch())));
}

void ServiceNotices::stopping(Duration at_most) {
  send(
      fmt::format("STOPPING=1\nSTATUS=shutting down: requests in flight are finished\nEXTEND_TIMEOUT_USEC={}",
                  microseconds(at_most)));
}

void ServiceNotices::alive() { send("WATCHDOG=1"); }

void ServiceNotices::send(std::string_view state) {
  if (fd_ < 0) return;
  ssize_t sent = 0;
  do {
    sent = ::sendto(fd_, state.data(), state.size(), MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&address_), address_size_);
  } while (sent < 0 && errno == EINTR);
  const int error = sent < 0 ? errno : 0;
  if (!std::exchange(in_trouble_, error != 0) && error != 0 && on_trouble)
    on_trouble(fmt::format("the service manager ($NOTIFY_SOCKET) could not be told `{}`: {}",
                           state.substr(0, state.find('\n')), std::strerror(error)));
}

}  // namespace gatehouse::control
