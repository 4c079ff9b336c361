// What the gateway tells systemd, or whoever starts it and speaks the same protocol: datagrams to the socket
// that $NOTIFY_SOCKET names (sd_notify(3)). A few lines of our own, so that the binary needs no libsystemd.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <expected>
#include <functional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace gatehouse::control {

// One thread. A datagram that nobody takes makes it wait, but never for more than kPatience.
class ServiceNotices {
 public:
  static constexpr Duration kPatience = std::chrono::milliseconds(500);

  // Whoever is not listened to: everything below does nothing.
  ServiceNotices() noexcept = default;
  // `name` is a path from the root, or `@` and the rest of an abstract name. Why not, where it is neither.
  static std::expected<ServiceNotices, std::string> open(std::string_view name);
  ServiceNotices(ServiceNotices&& o) noexcept;
  ServiceNotices& operator=(ServiceNotices&&) = delete;
  ~ServiceNotices();

  explicit operator bool() const noexcept { return fd_ >= 0; }

  // The configuration is in force, and what it opens is open; also the end of what `reloading` began.
  // `status`: one line for `systemctl status`.
  void ready(std::string_view status);
  // A change of the configuration is looked at. `now`: of CLOCK_MONOTONIC, read after the request for it
  // arrived.
  void reloading(Time now);
  // It ends, and may need that long.
  void stopping(Duration at_most);
  // All its loops turn.
  void alive();

  // Something could not be said. Once, until something could be.
  std::function<void(std::string_view)> on_trouble;

 private:
  void send(std::string_view state);

  int fd_ = -1;
  // The address is given with each datagram: a connected socket would keep talking to the socket of a systemd
  // that has since been replaced.
  sockaddr_un address_{};
  socklen_t address_size_ = 0;
  bool in_trouble_ = false;
};

}  // namespace gatehouse::control
