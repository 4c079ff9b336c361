// A small HTTP service for the demonstration, on a thread of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <latch>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "net/address.h"
#include "net/loop.h"

namespace gatehouse::app {

// What a sample service sees of a request, and answers.
struct SampleRequest {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};
struct SampleAnswer {
  int status = 200;
  std::string type = "text/plain";
  std::string body;
};
using SampleHandler = std::function<SampleAnswer(const SampleRequest&)>;

SampleAnswer hello(const SampleRequest& request);  // greets
SampleAnswer echo(const SampleRequest& request);   // the request as JSON

// Owner: the demonstration. The handler is called on the service's thread. Bodies of up to 1 MB.
class SampleService {
 public:
  explicit SampleService(
      SampleHandler handler);  // on a free port of 127.0.0.1; ends the process if there is none
  SampleService(const SampleService&) = delete;
  ~SampleService();

  const net::SocketAddress& address() const noexcept { return address_; }

 private:
  net::SocketAddress address_;
  net::Loop* loop_ = nullptr;
  std::latch told_to_stop_{1};  // `stop` has returned: it still wakes the loop after the loop has seen it
  std::thread thread_;
};

}  // namespace gatehouse::app
