// Where a socket is: an IP address and port, or a path of the file system.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace gatehouse::net {

struct SocketAddress {
  IpAddress ip{};
  std::uint16_t port = 0;
  std::string unix_path{};  // if not empty, the rest does not count

  static SocketAddress of(IpAddress ip, std::uint16_t port) { return {ip, port, {}}; }
  static SocketAddress unix_socket(std::string path) { return {{}, 0, std::move(path)}; }
  bool is_unix() const noexcept { return !unix_path.empty(); }
  friend bool operator==(const SocketAddress&, const SocketAddress&) = default;
};

std::string to_string(const SocketAddress& a);  // "192.0.2.1:80", "[2001:db8::1]:80", "unix:/run/x"

}  // namespace gatehouse::net
