#include "app/gateway_client.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cstdio>
#include <cstdlib>

#include "base/printable.h"
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

std::string encode_query(std::string_view text) {
  std::string out;
  for (char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

namespace {

int failed(std::string_view what) {
  fmt::print(stderr, "{}\n", without_controls(what));
  return 1;
}

}  // namespace

int say_answer(const Asked& answer, bool json, std::optional<std::string> (*text)(std::string_view json)) {
  if (!answer) return failed(answer.error());
  const auto readable = answer->status == 200 ? text(answer->body) : std::nullopt;
  if (!readable) return failed(fmt::format("the gateway answered {}", answer->status));
  const std::string& out = json ? answer->body : *readable;
  std::fwrite(out.data(), 1, out.size(), stdout);
  return 0;
}

int say_outcome(const Asked& answer, bool json) {
  if (!answer) return failed(answer.error());
  const bool good = answer->status == 200;
  if (json) {
    std::fwrite(answer->body.data(), 1, answer->body.size(), stdout);
    return good ? 0 : 1;
  }
  simdjson::dom::parser parser;
  std::string_view text;
  if (parser.parse(answer->body)[good ? "message" : "detail"].get(text))
    return failed(fmt::format("the gateway answered {}", answer->status));
  if (!good) return failed(text);
  fmt::print("{}\n", without_controls(text));
  return 0;
}

}  // namespace gatehouse::app
