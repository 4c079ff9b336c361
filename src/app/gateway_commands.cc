#include "app/gateway_commands.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cstdio>

#include "base/json_text.h"

namespace gatehouse::app {
namespace {

void line(FILE* to, std::string_view text) { fmt::print(to, "{}\n", text); }

// What came of a change: a sentence and what is wrong.
int change(const GatewayOptions& options, std::string_view target, bool json) {
  auto answer = GatewayClient(options).ask("POST", target);
  if (!answer) {
    line(stderr, answer.error());
    return 1;
  }
  bool good = answer->status == 200;
  if (json) {
    std::fwrite(answer->body.data(), 1, answer->body.size(), stdout);
    return good ? 0 : 1;
  }
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(answer->body).get(root)) {
    line(stderr, fmt::format("the gateway answered {}", answer->status));
    return 1;
  }
  simdjson::dom::array diagnostics;
  if (!root["diagnostics"].get(diagnostics))
    for (simdjson::dom::element d : diagnostics)
      if (std::string_view text; !d["text"].get(text)) line(stderr, text);
  if (std::string_view text; !root[good ? "message" : "detail"].get(text)) line(good ? stdout : stderr, text);
  return good ? 0 : 1;
}

}  // namespace

int reload(const GatewayOptions& options, bool force, bool json) {
  return change(options, force ? "/reload?force" : "/reload", json);
}

int rollback(const GatewayOptions& options, bool json) { return change(options, "/rollback", json); }

int token(const GatewayOptions& options, bool json) {
  auto token = GatewayClient(options).token();
  if (!token) {
    line(stderr, token.error());
    return 1;
  }
  if (json) {
    JsonText text;
    text.begin_object().field("token", *token).end_object();
    fmt::print("{}", text.take());
  } else {
    line(stdout, *token);
  }
  return 0;
}

int version(bool json) {
  if (json) {
    JsonText text;
    text.begin_object().field("version", GATEHOUSE_VERSION).end_object();
    fmt::print("{}", text.take());
  } else {
    line(stdout, "gatehouse " GATEHOUSE_VERSION);
  }
  return 0;
}

}  // namespace gatehouse::app
