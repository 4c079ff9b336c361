// One HTTP/1.1 request over a connection of its own, blocking: for commands that talk to a running gateway.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace gatehouse::app {

struct HttpRequest {
  std::string host = "127.0.0.1";  // an address (of IPv6 without brackets) or a name
  std::uint16_t port = 0;
  std::string method = "GET";
  std::string target = "/";
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  int timeout_seconds = 30;  // for each step
};
struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
};

// An error is one clear line.
std::expected<HttpAnswer, std::string> send(const HttpRequest& request);

}  // namespace gatehouse::app
