#include "app/keys_command.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cstdio>

#include "base/printable.h"

namespace gatehouse::app {
namespace {

using Object = simdjson::dom::object;

std::string_view text_of(Object o, std::string_view name) {
  std::string_view text;
  return o.at_key(name).get(text) ? std::string_view{} : text;
}
std::optional<std::int64_t> number_of(Object o, std::string_view name) {
  std::int64_t n = 0;
  if (o.at_key(name).get(n)) return std::nullopt;
  return n;
}

std::string words(std::int64_t seconds) {
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  return fmt::format("{} h", seconds / 3600);
}

void put_key(std::string& out, Object key) {
  std::string algorithms;
  simdjson::dom::array list;
  if (!key.at_key("algorithms").get(list)) {
    for (simdjson::dom::element a : list) {
      std::string_view name;
      if (!a.get(name)) algorithms += fmt::format("{}{}", algorithms.empty() ? "" : " ", name);
    }
  }
  const std::string kid = without_controls(text_of(key, "kid"));
  out += fmt::format("  {:<9} {:<24} {}  {}", text_of(key, "state"), kid.empty() ? "(no kid)" : kid,
                     text_of(key, "thumbprint"), algorithms);
  if (auto gone = number_of(key, "gone_in_seconds")) out += fmt::format("  gone in {}", words(*gone));
  out += '\n';
}

void put_issuer(std::string& out, Object issuer) {
  out += fmt::format("issuer {} ({}) from {}: {}", text_of(issuer, "name"), text_of(issuer, "issuer"),
                     text_of(issuer, "source"), text_of(issuer, "state"));
  if (auto age = number_of(issuer, "age_seconds")) out += fmt::format(", {} old", words(*age));
  if (auto next = number_of(issuer, "next_fetch_in_seconds"))
    out += fmt::format(", next fetch in {}", words(*next));
  out += '\n';
  Object last;
  if (!issuer.at_key("last_fetch").get(last))
    if (auto failure = text_of(last, "failure"); !failure.empty())
      out +=
          fmt::format("  the last fetch failed at {}: {}\n", text_of(last, "at"), without_controls(failure));
  simdjson::dom::array list;
  if (!issuer.at_key("keys").get(list)) {
    for (simdjson::dom::element e : list)
      if (Object key; !e.get(key)) put_key(out, key);
  }
  if (!issuer.at_key("revoked").get(list)) {
    for (simdjson::dom::element e : list)
      if (Object r; !e.get(r))
        out += fmt::format("  never     {:<24} {}  by {}{}{}\n", without_controls(text_of(r, "kid")),
                           text_of(r, "thumbprint"), without_controls(text_of(r, "by")),
                           text_of(r, "at").empty() ? "" : ", ", text_of(r, "at"));
  }
}

}  // namespace

std::optional<std::string> keys_text(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::array issuers;
  if (parser.parse(json.data(), json.size())["issuers"].get(issuers)) return std::nullopt;
  std::string out;
  for (simdjson::dom::element e : issuers)
    if (Object issuer; !e.get(issuer)) put_issuer(out, issuer);
  return out.empty() ? "no issuer: the configuration has no `auth` with one\n" : out;
}

int show_keys(const GatewayOptions& options, bool json) {
  return say_answer(GatewayClient(options).ask("GET", "/keys"), json, keys_text);
}

int change_key(const GatewayOptions& options, std::string_view verb, const std::string& issuer,
               const std::string& kid, bool json) {
  return say_outcome(GatewayClient(options).ask("POST", fmt::format("/keys/{}?issuer={}&kid={}", verb,
                                                                    encode_query(issuer), encode_query(kid))),
                     json);
}

}  // namespace gatehouse::app
