#include "net/address.h"

namespace gatehouse::net {

std::string to_string(const SocketAddress& a) {
  if (a.is_unix()) return "unix:" + a.unix_path;
  std::string ip = to_string(a.ip);
  if (!a.ip.is_v4()) ip = "[" + ip + "]";
  return ip + ":" + std::to_string(a.port);
}

}  // namespace gatehouse::net
