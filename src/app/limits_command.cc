#include "app/limits_command.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "base/printable.h"

namespace gatehouse::app {
namespace {

using simdjson::dom::element;

std::string text_of(element e, std::string_view name) {
  std::string_view text;
  return e[name].get(text) ? std::string() : without_controls(text);
}
std::uint64_t number_of(element e, std::string_view name) {
  std::uint64_t n = 0;
  return e[name].get(n) ? 0 : n;
}

std::string seconds(std::uint64_t milliseconds) {
  return milliseconds < 10'000 ? fmt::format("{:.3f} s", static_cast<double>(milliseconds) / 1000)
                               : fmt::format("{} s", (milliseconds + 999) / 1000);
}

std::string level_text(element e) {
  const std::uint64_t wait = number_of(e, "wait_ms");
  std::string out = fmt::format("{} of {} left", number_of(e, "remaining"), number_of(e, "burst"));
  if (wait > 0) out += fmt::format(", one more in {}", seconds(wait));
  if (const std::uint64_t full = number_of(e, "full_in_ms"); full > 0)
    out += fmt::format(", all of it in {}", seconds(full));
  return out;
}

void put_limit(std::string& out, element e) {
  const std::string per = text_of(e, "per");
  bool dry_run = false;
  (void)e["dry_run"].get(dry_run);
  out +=
      fmt::format("{:<24} {}{}{}", text_of(e, "name"), text_of(e, "rate"), per.empty() ? "" : " per ", per);
  out += fmt::format(": {} admitted, {} refused", number_of(e, "admitted"), number_of(e, "refused"));
  if (dry_run) out += fmt::format(", {} would be (dry run)", number_of(e, "would_refuse"));
  if (per.empty()) out += ", " + level_text(e);
  out += '\n';
}

}  // namespace

std::optional<std::string> limits_text(std::string_view json) {
  simdjson::dom::parser parser;
  element root;
  simdjson::dom::array limits;
  if (parser.parse(json.data(), json.size()).get(root) || root["limits"].get(limits)) return std::nullopt;
  std::string out;
  for (element e : limits) put_limit(out, e);
  if (out.empty()) return "the configuration has no limits\n";
  simdjson::dom::array talkers;
  if (root["most_refused"].get(talkers) || talkers.size() == 0) return out;
  out += "\nrefused most of late:\n";
  for (element e : talkers)
    out +=
        fmt::format("  {:>8}  {:<40} {}\n", number_of(e, "refused"), text_of(e, "key"), text_of(e, "limit"));
  return out;
}

std::optional<std::string> limit_key_text(std::string_view json) {
  simdjson::dom::parser parser;
  element root;
  simdjson::dom::array limits;
  if (parser.parse(json.data(), json.size()).get(root) || root["limits"].get(limits)) return std::nullopt;
  std::string out;
  for (element e : limits)
    out += fmt::format("{:<24} per {}: {}\n", text_of(e, "name"), text_of(e, "per"), level_text(e));
  return out.empty() ? fmt::format("{} has used up nothing\n", text_of(root, "key")) : out;
}

int show_limits(const GatewayOptions& options, const std::string& key, const std::string& limit, bool json) {
  const GatewayClient client(options);
  if (key.empty()) return say_answer(client.ask("GET", "/limits"), json, limits_text);
  return say_answer(
      client.ask("GET", fmt::format("/limits?key={}&limit={}", encode_query(key), encode_query(limit))), json,
      limit_key_text);
}

int reset_limit(const GatewayOptions& options, const std::string& key, const std::string& limit, bool json) {
  if (key.empty() && limit.empty()) {
    fmt::print(stderr, "whose count? Write a key, or `--limit NAME` of a limit without `per`\n");
    return 2;
  }
  return say_outcome(GatewayClient(options).ask("POST", fmt::format("/limits/reset?key={}&limit={}",
                                                                    encode_query(key), encode_query(limit))),
                     json);
}

}  // namespace gatehouse::app
