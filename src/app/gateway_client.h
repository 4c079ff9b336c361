// How commands find the running gateway and speak to its admin API.
#pragma once

#include <expected>
#include <optional>
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

// For the query of a URL.
std::string encode_query(std::string_view text);

using Asked = std::expected<HttpAnswer, std::string>;
// What a command says of its answer, on standard output, or on standard error what is wrong; returns the exit
// status. `say_answer`: a 200 as `text` makes it readable (nullopt: it is none); `say_outcome`: the message
// of a 200, else the problem's detail.
int say_answer(const Asked& answer, bool json, std::optional<std::string> (*text)(std::string_view json));
int say_outcome(const Asked& answer, bool json);

}  // namespace gatehouse::app
