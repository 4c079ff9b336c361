// Kinds of identity: issuers, what is sent about the user, and what is asked where.
#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "config/auth_rules.h"
#include "config/condition.h"
#include "config/kinds.h"
#include "config/substitute.h"
#include "config/suggest.h"

namespace gatehouse::config {

namespace {

using From = SendItem::From;
using Mode = AuthRule::Mode;

constexpr std::string_view kAlgorithmNames[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
                                                "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"};
constexpr std::string_view kModeWords[] = {"off", "optional", "required"};
constexpr std::pair<std::string_view, From> kSendWords[] = {
    {"user", From::user}, {"issuer", From::issuer}, {"method", From::method}, {"remove", From::remove}};
constexpr std::string_view kSendNames[] = {"user", "issuer", "method", "remove", "claim"};

// Framing, the connection, and what the gateway itself says about the client.
constexpr std::string_view kNotToSend[] = {"connection",       "content-encoding",
                                           "content-length",   "content-type",
                                           "cookie",           "expect",
                                           "forwarded",        "host",
                                           "keep-alive",       "proxy-authenticate",
                                           "proxy-connection", "proxy-authorization",
                                           "set-cookie",       "te",
                                           "trailer",          "transfer-encoding",
                                           "upgrade",          "via",
                                           "x-request-id",     "x-forwarded-for",
                                           "x-forwarded-host", "x-forwarded-proto",
                                           "x-forwarded-port", "traceparent",
                                           "tracestate"};

constexpr std::size_t kThumbprintSize = 43;  // 32 bytes in base64url

bool is_visible(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
}

// ---- issuers
// --------------------------------------------------------------------------------------------------

bool read_issuer(Reader& reader, const Node& node, const Field& field, IssuerSpec& out) {
  if (!is_one_value(reader, node, field)) return false;
  if (!is_visible(node.value)) {
    reader.refuse(node, field.name, field.kind->expects,
                  {fmt::format("`{}` is no name of an issuer", node.value),
                   "Write its URL, as its tokens have it in `iss`: `https://id.example.com`"});
    return false;
  }
  out.issuer = node.value;
  out.shown = node.shown();
  return true;
}

std::optional<std::string> show_issuer(const Field&, const IssuerSpec& value) {
  return value.shown.empty() ? std::nullopt : std::optional(scalar_text(value.shown));
}

bool is_json_object(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

bool read_jwks_url(Reader& reader, const Node& node, const Field& field, JwksSource& out) {
  auto url = parse_web_url(node.value);
  if (url && !url->tls && !is_loopback(url->host)) {
    url = complain("keys that come over `http` can be replaced by whoever sits between",
                   fmt::format("Write `https://{}{}`", url->host, url->target));
  }
  if (!url) {
    reader.refuse(node, field.name, "an https URL or the path of a file", url.error());
    return false;
  }
  url->shown = node.shown();
  out.url = std::move(*url);
  return true;
}

bool read_jwks(Reader& reader, const Node& node, const Field& field, std::optional<JwksSource>& out) {
  if (!is_one_value(reader, node, field)) return false;
  JwksSource jwks{node.shown(), std::nullopt, {}, reader.at(node)};
  if (node.value.find("://") != std::string::npos && !is_json_object(node.value)) {
    if (!read_jwks_url(reader, node, field, jwks)) return false;
  } else if (node.substituted && is_json_object(node.value)) {
    jwks.text = node.value;
  } else if (node.value.empty() || is_json_object(node.value)) {
    reader.refuse(node, field.name, field.kind->expects,
                  {node.value.empty() ? "it is empty" : "the keys themselves do not stand here",
                   "Write a URL, or the path of a file such as `keys.json`"});
    return false;
  } else {
    auto text = contents(reader, node, beside(jwks.at.file, node.value), jwks.shown);
    if (!text) return false;
    if (!is_json_object(*text)) {
      reader.error(node, fmt::format("the file `{}` holds no key set", jwks.shown),
                   R"(It is JSON that begins with `{"keys": [`)");
      return false;
    }
    jwks.text = std::move(*text);
  }
  out = std::move(jwks);
  return true;
}

std::optional<std::string> show_jwks(const Field&, const std::optional<JwksSource>& value) {
  return value ? std::optional(scalar_text(value->shown)) : std::nullopt;
}

std::optional<std::string> show_texts(const Field&, const std::vector<std::string>& value) {
  std::vector<std::string> items;
  items.reserve(value.size());
  for (const std::string& text : value) items.push_back(quoted_text(text));
  return show_list(items);
}

bool read_audience(Reader& reader, const Node& node, const Field& field, std::vector<std::string>& out) {
  out.clear();
  if (!reader.few_enough(node, field.name)) return false;
  return each_item(reader, node, field, [&](const Node& item) {
    if (item.value.empty()) {
      reader.refuse(item, field.name, field.kind->expects,
                    {"an audience is empty", "Write for example `api.example.com`"});
      return false;
    }
    if (std::ranges::find(out, item.value) == out.end()) out.push_back(item.value);
    return true;
  });
}

// What is wrong with a word for an algorithm, and what was meant.
Complaint wrong_algorithm(std::string_view word) {
  if (lower_case(word) == "none")
    return {"`none` is a token without a signature, and never accepted", "Remove it"};
  for (std::string_view known : kAlgorithmNames) {
    if (lower_case(known) == lower_case(word))
      return {fmt::format("`{}` is no algorithm", word), fmt::format("Write `{}`", known)};
  }
  std::string hint = did_you_mean(word, kAlgorithmNames);
  if (hint.empty()) hint = fmt::format("Known are `{}`", fmt::join(kAlgorithmNames, "`, `"));
  return {fmt::format("`{}` is no algorithm that is accepted here", word), std::move(hint)};
}

bool read_algorithms(Reader& reader, const Node& node, const Field& field, std::vector<std::string>& out) {
  out.clear();
  return each_item(reader, node, field, [&](const Node& item) {
    if (std::ranges::find(kAlgorithmNames, std::string_view(item.value)) == std::end(kAlgorithmNames)) {
      reader.refuse(item, field.name, field.kind->expects, wrong_algorithm(item.value));
      return false;
    }
    if (std::ranges::find(out, item.value) == out.end()) out.push_back(item.value);
    return true;
  });
}

bool read_type(Reader& reader, const Node& node, const Field& field, std::string& out) {
  if (!is_one_value(reader, node, field)) return false;
  if (!std::ranges::all_of(node.value, [](char c) { return c == '/' || is_token({&c, 1}); }) ||
      node.value.empty()) {
    reader.refuse(node, field.name, field.kind->expects,
                  {fmt::format("`{}` is no type of a token", node.value), "Write for example `at+jwt`"});
    return false;
  }
  out = node.value;
  return true;
}

std::optional<std::string> show_type(const Field&, const std::string& value) {
  return value.empty() ? std::nullopt : std::optional(quoted_text(value));
}

bool read_user(Reader& reader, const Node& node, const Field& field, std::string& out) {
  if (!is_one_value(reader, node, field)) return false;
  if (!node.value.starts_with("claim.") || node.value.size() == 6) {
    const bool name = is_name(node.value, false) && !node.value.starts_with("claim");
    reader.refuse(node, field.name, field.kind->expects,
                  {fmt::format("`{}` names no claim", node.value),
                   fmt::format("Write `claim.{}`", name ? node.value : "sub")});
    return false;
  }
  out = node.value.substr(6);
  return true;
}

std::optional<std::string> show_user(const Field&, const std::string& value) {
  return quoted_text("claim." + value);
}

bool is_thumbprint(std::string_view text) {
  constexpr std::string_view kLast = "AEIMQUYcgkosw048";  // the last character holds four bits
  return text.size() == kThumbprintSize && is_name(text, false) &&
         kLast.find(text.back()) != std::string_view::npos;
}

bool read_thumbprints(Reader& reader, const Node& node, const Field& field, std::vector<std::string>& out) {
  out.clear();
  if (!reader.few_enough(node, field.name)) return false;
  return each_item(reader, node, field, [&](const Node& item) {
    if (!is_thumbprint(item.value)) {
      reader.refuse(item, field.name, field.kind->expects,
                    {fmt::format("`{}` is no thumbprint of a key", item.value),
                     "It is the SHA-256 of RFC 7638 in base64url, 43 characters; a `kid` can be reused, and "
                     "is none"});
      return false;
    }
    out.push_back(item.value);
    return true;
  });
}

bool read_rate(Reader& reader, const Node& node, const Field& field, Rate& out) {
  if (!is_one_value(reader, node, field)) return false;
  const auto rate = parse_rate(node.value);
  if (!rate) {
    reader.refuse(node, field.name, field.kind->expects, rate.error());
    return false;
  }
  out = *rate;
  return true;
}

// ---- what is sent
// ---------------------------------------------------------------------------------------------

// What is wrong with sending `item` in this header; nothing if it may be.
std::optional<Complaint> trouble_with_header(const SendItem& item) {
  if (!is_token(item.header))
    return Complaint{fmt::format("`{}` is no name of a header", item.header), "Write for example `x-user`"};
  const bool authorization = item.header == "authorization";
  if (item.from == From::remove && !authorization) {
    return Complaint{"only `authorization` can be removed here",
                     fmt::format("Write `headers: {{request: {{remove: {}}}}}` in the service", item.header)};
  }
  if (authorization && item.from != From::remove)
    return Complaint{"`authorization` carries the credential itself",
                     "Write `authorization: remove`, or choose another header such as `x-user`"};
  if (std::ranges::find(kNotToSend, std::string_view(item.header)) != std::end(kNotToSend))
    return Complaint{fmt::format("`{}` has a meaning of its own, and cannot tell the user", item.header),
                     "Choose another header, such as `x-user`"};
  return std::nullopt;
}

bool read_send_item(Reader& reader, const NodeMember& member, const Field& field, SendItem& out) {
  const Node& node = member.value;
  out.header = lower_case(member.key.value);
  if (!node.is_scalar()) {
    reader.error(node.is_null() ? member.key : node,
                 fmt::format("`{}` says not what is sent", member.key.value),
                 "Write `user`, `issuer`, `method` or `claim.NAME`");
    return false;
  }
  const auto word =
      std::ranges::find(kSendWords, std::string_view(node.value), &std::pair<std::string_view, From>::first);
  if (word != std::end(kSendWords)) {
    out.from = word->second;
  } else if (node.value.starts_with("claim.") && node.value.size() > 6) {
    out.from = From::claim;
    out.claim = node.value.substr(6);
  } else {
    std::string hint = did_you_mean(node.value, kSendNames);
    if (hint.empty() || node.value.starts_with("claim"))
      hint = "Write `user`, `issuer`, `method` or `claim.NAME`";
    reader.refuse(node, field.name, "`user`, `issuer`, `method` or a claim",
                  {fmt::format("`{}` is nothing that is known of a user", node.value), std::move(hint)});
    return false;
  }
  if (const auto trouble = trouble_with_header(out)) {
    reader.error(member.key, trouble->message, trouble->instead);
    return false;
  }
  return true;
}

bool read_send(Reader& reader, const Node& node, const Field& field, std::vector<SendItem>& out) {
  out.clear();
  if (node.is_scalar() && (node.value == "off" || node.value == "false" || node.value == "none")) return true;
  if (!node.is_map()) {
    reader.error(node, fmt::format("`{}` is a map from headers to what they tell", field.name),
                 "Write for example `send: {x-user: user, x-org: claim.org}`");
    return false;
  }
  if (!reader.few_enough(node, field.name)) return false;
  bool good = true;
  for (const NodeMember& member : node.members) {
    SendItem item;
    if (!read_send_item(reader, member, field, item)) {
      good = false;
    } else if (std::ranges::find(out, item.header, &SendItem::header) != out.end()) {
      reader.error(member.key, fmt::format("the header `{}` is there twice", item.header),
                   "Header names are the same in upper and lower case; keep one");
      good = false;
    } else {
      out.push_back(std::move(item));
    }
  }
  return good;
}

std::string show_from(const SendItem& item) {
  if (item.from == From::claim) return quoted_text("claim." + item.claim);
  for (const auto& [word, from] : kSendWords) {
    if (from == item.from) return std::string(word);
  }
  return {};
}

std::optional<std::string> show_send(const Field&, const std::vector<SendItem>& value) {
  if (value.empty()) return "off";
  std::string out = "{";
  for (const SendItem& item : value)
    out += (out.size() > 1 ? ", " : "") + quoted_text(item.header) + ": " + show_from(item);
  return out + "}";
}

// ---- what is asked
// --------------------------------------------------------------------------------------------

bool read_names(Reader& reader, const Node& node, const Field& field, AuthRule& out) {
  if (!reader.few_enough(node, field.name)) return false;
  if (node.is_list() && node.items.empty()) {
    reader.error(node, "the list of issuers is empty, so nobody could get in",
                 "Name an issuer, or remove it for: all of them");
    return false;
  }
  return each_item(reader, node, field, [&](const Node& item) {
    if (node.is_list() &&
        std::ranges::find(kModeWords, std::string_view(item.value)) != std::end(kModeWords)) {
      reader.error(item, fmt::format("`{}` stands alone, not in a list of issuers", item.shown()),
                   "Write it alone, or the names of issuers");
      return false;
    }
    if (std::ranges::find(out.issuers, item.value) != out.issuers.end()) return true;
    out.issuers.push_back(item.value);
    reader.refer(item, Reference::To::issuer, item.value, {}, item.shown());
    return true;
  });
}

bool read_rule_map(Reader& reader, const Node& node, const Field& field, AuthRule& out) {
  bool good = true;
  for (const NodeMember& member : node.members) {
    const bool require = member.key.value == "require";
    if (!require && member.key.value != "issuers") {
      const std::string hint =
          did_you_mean(member.key.value, std::array<std::string_view, 2>{"require", "issuers"});
      reader.error(member.key, fmt::format("unknown key `{}` in `{}`", member.key.value, field.name),
                   hint.empty() ? "Known are `require` and `issuers`" : hint);
      good = false;
    } else if (member.value.is_null()) {
      reader.error(
          member.key, fmt::format("`{}` has no value", member.key.value),
          require ? R"(Write for example `{claim.scope: "orders:read"}`)" : "Write the name of an issuer");
      good = false;
    } else if (!member.value.holds_failure()) {
      good = (require ? read_when(reader, member.value, out.require, "require")
                      : read_names(reader, member.value, field, out)) &&
             good;
    }
  }
  if (node.members.empty()) {
    reader.error(node, fmt::format("`{}` is an empty map", field.name),
                 R"(Write for example `{require: {claim.scope: "orders:read"}}`)");
    return false;
  }
  return good;
}

bool read_rule(Reader& reader, const Node& node, const Field& field, std::optional<AuthRule>& out) {
  AuthRule rule{.mode = Mode::required, .at = reader.at(node), .text = flow_text(node)};
  bool good = true;
  if (node.is_map()) {
    good = read_rule_map(reader, node, field, rule);
  } else if (node.is_scalar() && (node.value == "off" || node.value == "false")) {
    rule.mode = Mode::off;
    rule.text = node.substituted ? rule.text : "off";
  } else if (node.is_scalar() && node.value == "optional") {
    rule.mode = Mode::optional;
  } else if (node.is_scalar() && (node.value == "on" || node.value == "true")) {
    reader.refuse(
        node, field.name, field.kind->expects,
        {"with `auth` at the top it is on everywhere", "Write `required` where something wider says less"});
    return false;
  } else if (!node.is_scalar() || node.value != "required") {
    good = read_names(reader, node, field, rule);
  }
  out = std::move(rule);  // also a wrong one: what is written is never taken for nothing
  return good;
}

std::optional<std::string> show_rule(const Field&, const std::optional<AuthRule>& value) {
  return value ? std::optional(value->text) : std::nullopt;
}

constexpr std::string_view kStringSchema = R"({"type": "string"})";
constexpr std::string_view kTextsSchema =
    R"({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})";

}  // namespace

std::span<const std::string_view> mode_words() { return kModeWords; }

constinit const ValueKind<IssuerSpec> kIssuer{
    {"issuer", "the URL of an issuer, such as `https://id.example.com`", kStringSchema, true},
    read_issuer,
    show_issuer};
constinit const ValueKind<std::optional<JwksSource>> kJwks{
    {"key set", "an https URL, or the path of a file with a JSON Web Key Set", kStringSchema, true},
    read_jwks,
    show_jwks};
constinit const ValueKind<std::vector<std::string>> kAudience{
    {"audience", "an audience, such as `api.example.com`, or a list of them", kTextsSchema},
    read_audience,
    show_texts};
constinit const ValueKind<std::vector<std::string>> kAlgorithms{
    {"algorithms", "an algorithm, such as `ES256`, or a list of them",
     R"({"anyOf": [{"$ref": "#/$defs/algorithm"}, {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/algorithm"}}]})"},
    read_algorithms,
    show_texts};
constinit const ValueKind<std::string> kTokenType{
    {"type of a token", "the type of a token, such as `at+jwt`", kStringSchema}, read_type, show_type};
constinit const ValueKind<std::string> kUserClaim{
    {"claim", "a claim, such as `claim.sub`", R"({"type": "string", "pattern": "^claim[.].+$"})"},
    read_user,
    show_user};
constinit const ValueKind<std::vector<std::string>> kThumbprints{
    {"thumbprints", "the thumbprint of a key (RFC 7638, SHA-256, base64url), or a list of them",
     kTextsSchema},
    read_thumbprints,
    show_texts};
constinit const ValueKind<Rate> kRate{
    {"rate", "a rate, such as `50/s` or `1000/min burst 50`; s, min, h or d",
     R"({"type": "string", "pattern": "^[0-9]+/(s|min|h|d)( +burst +[0-9]+)?$"})"},
    read_rate,
    [](const Field&, const Rate& value) -> std::optional<std::string> { return show_rate(value); }};
constinit const ValueKind<std::vector<SendItem>> kSend{
    {"headers about the user",
     "a map from headers to `user`, `claim.NAME`, `issuer` or `method`, also `authorization: remove`; or "
     "`off`",
     R"({"anyOf": [{"enum": ["off", false]}, {"type": "object", "additionalProperties": {"type": "string", "pattern": "^(user|issuer|method|remove|claim[.].+)$"}}]})"},
    read_send,
    show_send};
constinit const ValueKind<std::optional<AuthRule>> kAuthRule{
    {"auth rule",
     "`off`, `optional`, `required`, the name of an issuer or a list of names, or `{require: conditions}`, "
     "also "
     "with `issuers: [names]`",
     R"({"anyOf": [{"const": false}, {"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}, {"type": "object", "minProperties": 1, "additionalProperties": false, "properties": {"require": {"$ref": "#/$defs/conditions"}, "issuers": {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]}}}]})",
     true},
    read_rule,
    show_rule};

}  // namespace gatehouse::config
