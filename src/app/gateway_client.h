// How commands find the running gateway and speak to its admin API.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "app/http_request.h"
#include "config/spec.h"

namespace gatehouse::app {

// What the user may say; what is empty is found out from the configuration and the state folder.
struct GatewayOptions {
  std::string config = "gatehouse.yaml";
  std::string admin;  // HOST:PORT
  std::string token;
};

class GatewayClient {
 public:
  explicit GatewayClient(const GatewayOptions& options);

  // The token, or one clear line why there is none.
  std::expected<std::string, std::string> token() const;
  std::expected<HttpAnswer, std::string> ask(std::string_view method, std::string_view target,
                                             std::string body = {}) const;
  // A request that needs no token; short, because nobody may be there.
  std::expected<HttpAnswer, std::string> probe(std::string_view target) const;

 private:
  std::string host_ = "127.0.0.1";
  std::uint16_t port_ = 9900;
  std::string token_;  // given, or of the configuration
  config::Secret state_;
};

}  // namespace gatehouse::app
