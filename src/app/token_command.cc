#include "app/token_command.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <array>
#include <cstdio>

#include "base/printable.h"

namespace gatehouse::app {
namespace {

constexpr std::size_t kMaxToken = std::size_t{64} * 1024;

int failed(std::string_view what) {
  fmt::print(stderr, "{}\n", what);
  return 1;
}

std::string from_stdin() {
  std::string text;
  std::array<char, 4096> piece{};
  while (text.size() < kMaxToken) {
    const std::size_t n = std::fread(piece.data(), 1, piece.size(), stdin);
    if (n == 0) break;
    text.append(piece.data(), n);
  }
  return text;
}

// As it stands in a header, or alone.
std::string bare(std::string text) {
  constexpr std::string_view kBlank = " \t\r\n";
  constexpr std::string_view kScheme = "Bearer ";
  if (text.starts_with(kScheme)) text.erase(0, kScheme.size());
  while (!text.empty() && kBlank.contains(text.back())) text.pop_back();
  while (!text.empty() && kBlank.contains(text.front())) text.erase(0, 1);
  return text;
}

std::string_view text_of(simdjson::dom::element root, std::string_view name) {
  std::string_view text;
  return root[name].get(text) ? std::string_view{} : text;
}
bool flag_of(simdjson::dom::element root, std::string_view name) {
  bool value = false;
  return !root[name].get(value) && value;
}

// `header` or `claims` of a token, a line a member.
void put_members(std::string& out, simdjson::dom::element document, std::string_view name) {
  simdjson::dom::object members;
  if (document[name].get(members)) return;
  out += fmt::format("{}:\n", name);
  for (auto [key, value] : members)
    out += fmt::format("  {}: {}\n", without_controls(key),
                       without_controls(std::string(simdjson::to_string(value))));
}

}  // namespace

std::optional<std::string> token_text(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::array checks;
  if (parser.parse(json.data(), json.size()).get(root) || root["checks"].get(checks)) return std::nullopt;
  std::string out;
  simdjson::dom::parser inner;
  simdjson::dom::element document;
  if (!inner.parse(std::string(text_of(root, "document"))).get(document)) {
    put_members(out, document, "header");
    put_members(out, document, "claims");
  }
  for (simdjson::dom::element check : checks)
    out +=
        fmt::format("{} {}\n", flag_of(check, "good") ? "+" : "-", without_controls(text_of(check, "what")));
  const std::string_view reason = text_of(root, "reason");
  if (!reason.empty())
    out += fmt::format("refused: {}\n", reason);
  else
    out += flag_of(root, "undecided") ? "not decided\n" : "accepted\n";
  return out;
}

int inspect_token(const GatewayOptions& options, const std::string& token, bool json) {
  auto answer =
      GatewayClient(options).ask("POST", "/token/inspect", bare(token == "-" ? from_stdin() : token));
  if (!answer) return failed(answer.error());
  if (answer->status != 200) {
    simdjson::dom::parser parser;
    std::string_view detail;
    if (parser.parse(answer->body)["detail"].get(detail))
      return failed(fmt::format("the gateway answered {}", answer->status));
    return failed(detail);
  }
  const auto text = token_text(answer->body);
  if (!text) return failed("the gateway's answer is not understood");
  const std::string& out = json ? answer->body : *text;
  std::fwrite(out.data(), 1, out.size(), stdout);
  return text->ends_with("accepted\n") ? 0 : 1;
}

}  // namespace gatehouse::app
