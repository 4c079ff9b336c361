#include "app/gateway_client.h"

#include <fmt/format.h>

#include <cstdlib>

#include "config/loader.h"
#include "control/state_folder.h"

namespace gatehouse::app {
namespace {

// The running gateway's configuration is another one if the file has errors by now: then the defaults are as
// good a guess as any, and --admin and --token are there.
config::Spec spec_of(const std::string& path) {
  auto loaded = config::load_file(path, config::Environment::system());
  if (loaded.spec) return std::move(*loaded.spec);
  auto defaults = config::load_text("{}", path, config::Environment::system());
  return defaults.spec ? std::move(*defaults.spec) : config::Spec{};
}

}  // namespace

GatewayClient::GatewayClient(const GatewayOptions& options) {
  config::Spec spec = spec_of(options.config);
  state_ = spec.state;
  port_ = spec.admin.port;
  if (spec.admin.bind != "0.0.0.0" && spec.admin.bind != "::") host_ = spec.admin.bind;
  if (!options.admin.empty()) {
    // HOST, HOST:PORT, [ADDRESS], [ADDRESS]:PORT
    const std::string& admin = options.admin;
    auto bracket = admin.front() == '[' ? admin.find(']') : std::string::npos;
    auto colon = admin.find(':', bracket == std::string::npos ? 0 : bracket);
    host_ = bracket == std::string::npos ? admin.substr(0, colon) : admin.substr(1, bracket - 1);
    if (colon != std::string::npos)
      port_ = static_cast<std::uint16_t>(std::strtoul(admin.c_str() + colon + 1, nullptr, 10));
  }
  token_ = options.token.empty() ? spec.admin.token.reveal() : options.token;
}

std::expected<std::string, std::string> GatewayClient::token() const {
  if (!token_.empty()) return token_;
  return control::read_admin_token(state_);
}

std::expected<HttpAnswer, std::string> GatewayClient::ask(std::string_view method, std::string_view target,
                                                          std::string body) const {
  auto secret = token();
  if (!secret) return std::unexpected(secret.error());
  return send({.host = host_,
               .port = port_,
               .method = std::string(method),
               .target = std::string(target),
               .headers = {{"Authorization", "Bearer " + *secret}},
               .body = std::move(body)});
}

std::expected<HttpAnswer, std::string> GatewayClient::probe(std::string_view target) const {
  return send({.host = host_,
               .port = port_,
               .method = "GET",
               .target = std::string(target),
               .headers = {},
               .body = {},
               .timeout_seconds = 1});
}

}  // namespace gatehouse::app
