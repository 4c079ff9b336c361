// Kinds of API keys: hashes, what is known of who holds one, and where they stand in a request.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "config/kinds.h"

namespace gatehouse::config {

namespace {

using In = ApiKeysSpec::In;
using Hash = std::array<std::uint8_t, 32>;
using Claims = std::vector<std::pair<std::string, std::string>>;

constexpr std::pair<std::string_view, In> kPlaces[] = {
    {"header", In::header}, {"query", In::query}, {"cookie", In::cookie}};
constexpr std::string_view kHashOfNothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::size_t kMostClaims = 100;  // of one key, elements of lists counted

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<Hash> parse_hash(std::string_view text) {
  Hash hash{};
  if (text.size() != 2 * hash.size()) return std::nullopt;
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const int high = hex_digit(text[2 * i]);
    const int low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    hash[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return hash;
}

// Never quotes the value: it may be the key itself.
bool read_hash(Reader& reader, const Node& node, const Field& field, Hash& out) {
  if (!is_one_value(reader, node, field)) return false;
  const auto hash = parse_hash(node.value);
  if (!hash) {
    reader.refuse(node, field.name, field.kind->expects,
                  {fmt::format("{} characters that are no SHA-256", node.value.size()),
                   "Write the hash of the key in 64 hex digits: `printf %s KEY | sha256sum`"});
    return false;
  }
  if (lower_case(node.value) == kHashOfNothing) {
    reader.refuse(node, field.name, field.kind->expects,
                  {"this is the hash of nothing", "Hash the key itself: `printf %s KEY | sha256sum`"});
    return false;
  }
  out = *hash;
  return true;
}

std::optional<std::string> show_hash(const Field&, const Hash& value) {
  if (value == Hash{}) return std::nullopt;
  std::string out;
  for (std::uint8_t byte : value) out += fmt::format("{:02x}", byte);
  return quoted_text(out);
}

bool read_claim(Reader& reader, const NodeMember& member, Claims& out) {
  const auto add = [&](const Node& node) {
    if (!node.is_scalar()) {
      reader.error(node.is_null() ? member.key : node,
                   fmt::format("the claim `{}` is a text, or a list of texts", member.key.value),
                   fmt::format("Write for example `{}: acme`", member.key.value));
      return false;
    }
    out.emplace_back(member.key.value, node.value);
    return true;
  };
  if (member.key.value.empty()) {
    reader.error(member.key, "a claim without a name", "Write for example `{org: acme}`");
    return false;
  }
  if (!member.value.is_list()) return add(member.value);
  return std::ranges::all_of(member.value.items, add);
}

bool read_claims(Reader& reader, const Node& node, const Field& field, Claims& out) {
  out.clear();
  if (!node.is_map()) {
    reader.error(node, fmt::format("`{}` is a map from claims to their texts", field.name),
                 "Write for example `claims: {org: acme, scope: [read, write]}`");
    return false;
  }
  if (!reader.few_enough(node, field.name)) return false;
  bool good = true;
  for (const NodeMember& member : node.members) good = read_claim(reader, member, out) && good;
  if (out.size() > kMostClaims) {
    reader.error(node, fmt::format("more than {} claims of one key", kMostClaims));
    return false;
  }
  return good;
}

std::optional<std::string> show_claims(const Field&, const Claims& value) {
  if (value.empty()) return std::nullopt;
  std::string out = "{";
  for (std::size_t i = 0; i < value.size();) {
    std::vector<std::string> texts;
    const std::string& name = value[i].first;
    for (; i < value.size() && value[i].first == name; ++i) texts.push_back(quoted_text(value[i].second));
    out += (out.size() > 1 ? ", " : "") + quoted_text(name) + ": " + show_list(texts).value_or("[]");
  }
  return out + "}";
}

bool read_time(Reader& reader, const Node& node, const Field& field, std::optional<WallTime>& out) {
  if (!is_one_value(reader, node, field)) return false;
  const auto time = parse_wall_time(node.value);
  if (!time) {
    reader.refuse(node, field.name, field.kind->expects, time.error());
    return false;
  }
  out = *time;
  return true;
}

std::optional<std::string> show_time(const Field&, const std::optional<WallTime>& value) {
  return value ? std::optional(scalar_text(show_wall_time(*value))) : std::nullopt;
}

// What keeps a header, parameter or cookie from carrying a key; empty if nothing does.
std::string trouble_with_place(In in, std::string_view name) {
  if (in == In::query) {
    const bool good =
        !name.empty() && std::ranges::all_of(name, [](char c) { return is_name({&c, 1}, true) || c == '~'; });
    return good ? std::string() : fmt::format("`query.{}` names no parameter", name);
  }
  if (!is_token(name))
    return fmt::format("`{}.{}` names no {}", in == In::header ? "header" : "cookie", name,
                       in == In::header ? "header" : "cookie");
  if (in == In::cookie) return {};
  for (std::string_view own : {"authorization", "proxy-authorization", "cookie", "host", "connection", "te",
                               "content-length", "transfer-encoding", "upgrade", "keep-alive", "trailer",
                               "proxy-connection", "expect", "content-type", "content-encoding"}) {
    if (lower_case(name) == own) return fmt::format("the header `{}` has a meaning of its own", own);
  }
  return {};
}

bool read_place(Reader& reader, const Node& node, const Field& field, ApiKeysSpec& out) {
  if (!is_one_value(reader, node, field)) return false;
  const std::size_t dot = node.value.find('.');
  const std::string_view first = std::string_view(node.value).substr(0, dot);
  const auto place = std::ranges::find(kPlaces, first, &std::pair<std::string_view, In>::first);
  if (dot == std::string::npos || place == std::end(kPlaces)) {
    reader.refuse(
        node, field.name, field.kind->expects,
        {fmt::format("`{}` is no place for a key", node.value),
         fmt::format("Write for example `header.{}`", is_name(node.value, false) && place == std::end(kPlaces)
                                                          ? lower_case(node.value)
                                                          : "x-api-key")});
    return false;
  }
  std::string name = node.value.substr(dot + 1);
  if (std::string trouble = trouble_with_place(place->second, name); !trouble.empty()) {
    reader.refuse(node, field.name, field.kind->expects,
                  {std::move(trouble), "Write for example `header.x-api-key`"});
    return false;
  }
  out.in = place->second;
  out.name = out.in == In::header ? lower_case(name) : std::move(name);
  return true;
}

std::optional<std::string> show_place(const Field&, const ApiKeysSpec& value) {
  for (const auto& [word, in] : kPlaces) {
    if (in == value.in) return quoted_text(fmt::format("{}.{}", word, value.name));
  }
  return std::nullopt;
}

// The path alone: the file is read when all of `api_keys` is known (finish_api_keys).
bool read_key_file(Reader& reader, const Node& node, const Field& field, std::string& out) {
  if (!is_one_value(reader, node, field)) return false;
  if (node.value.empty()) {
    reader.refuse(node, field.name, field.kind->expects,
                  {"the path is empty", "Write for example `keys.yaml`"});
    return false;
  }
  out = node.shown();
  return true;
}

std::optional<std::string> show_key_file(const Field&, const std::string& value) {
  return value.empty() ? std::nullopt : std::optional(scalar_text(value));
}

}  // namespace

constinit const ValueKind<std::string> kApiKeyFile{
    {"file of keys", "the path of a YAML file that holds a map as `keys` is", R"({"type": "string"})", true},
    read_key_file,
    show_key_file};
constinit const ValueKind<Hash> kSha256{
    {"SHA-256", "a SHA-256 in 64 hex digits", R"({"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"})"},
    read_hash,
    show_hash};
constinit const ValueKind<Claims> kClaims{
    {"claims", "a map from claims to texts or lists of texts, such as `{org: acme}`",
     R"({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "array"]}})"},
    read_claims,
    show_claims};
constinit const ValueKind<std::optional<WallTime>> kPointInTime{
    {"point in time", "a point in time, such as `2026-12-31` or `2026-12-31T18:00:00Z`",
     R"({"type": "string"})"},
    read_time,
    show_time};
constinit const ValueKind<ApiKeysSpec> kApiKeyPlace{
    {"place in a request", "`header.NAME`, `query.NAME` or `cookie.NAME`",
     R"({"type": "string", "pattern": "^(header|query|cookie)[.].+$"})"},
    read_place,
    show_place};

}  // namespace gatehouse::config
