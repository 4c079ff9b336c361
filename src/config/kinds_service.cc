// Kinds of services: where they are, which version gets what, and the headers on the way.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "config/kinds.h"
#include "config/path_pattern.h"
#include "config/suggest.h"
#include "config/tables.h"

namespace gatehouse::config {

namespace {

bool read_urls(Reader& reader, const Node& node, const Field& field, std::vector<UrlSpec>& out) {
  if (node.is_map()) {
    reader.error(node, "addresses by region are not available in this version",
                 "Write one URL or a list of URLs");
    return false;
  }
  const bool good = each_item(reader, node, field, [&](const Node& item) {
    auto url = parse_service_url(item.value);
    if (!url) {
      reader.refuse(item, field.name, "a URL of a service", url.error());
      return false;
    }
    url->text = item.shown();
    url->secret = item.substituted;
    url->at = reader.at(item);
    out.push_back(std::move(*url));
    return true;
  });
  if (good && out.empty())
    reader.error(node, fmt::format("`{}` is empty", field.name), "Write for example `http://users:8080`");
  return good && !out.empty();
}

bool given_twice(Reader& reader, const Node& node, const std::vector<VersionSpec>& versions) {
  if (versions.empty()) return false;
  reader.error(node, "a service has either `url` or `versions`", "Keep one of them");
  return true;
}

bool read_url(Reader& reader, const Node& node, const Field& field, std::vector<VersionSpec>& out) {
  if (given_twice(reader, node, out)) return false;
  VersionSpec version;
  version.at = reader.at(node);
  const bool good = read_urls(reader, node, field, version.urls);
  out.push_back(std::move(version));
  return good;
}

std::string show_urls(const VersionSpec& version) {
  std::vector<std::string> items;
  for (const UrlSpec& url : version.urls) items.push_back(scalar_text(url.text));
  return show_list(items).value_or("[]");
}

std::optional<std::string> show_url(const Field&, const std::vector<VersionSpec>& value) {
  if (value.size() != 1 || !value.front().name.empty()) return std::nullopt;
  return show_urls(value.front());
}

bool read_versions(Reader& reader, const Node& node, const Field& field, std::vector<VersionSpec>& out) {
  if (given_twice(reader, node, out)) return false;
  if (!node.is_map() || node.members.empty()) {
    reader.error(node, "`versions` is a map from names to URLs",
                 "Write `versions: {v1: http://..., v2: http://...}`");
    out.push_back({"v1", {}, reader.at(node)});  // so that the lack of a URL is not reported as well
    return false;
  }
  if (!reader.few_enough(node, field.name)) return false;
  bool good = true;
  for (const NodeMember& member : node.members) {
    if (!is_name(member.key.value, true)) {
      reader.error(member.key, fmt::format("`{}` is no name of a version", member.key.value),
                   "A name has letters, digits, `.`, `_` and `-`");
      good = false;
    }
    VersionSpec version{member.key.value, {}, reader.at(member.key)};
    if (member.value.is_null()) {
      reader.error(member.key, fmt::format("version `{}` has no URL", member.key.value),
                   "Write for example `http://users:8080`");
      good = false;
    } else {
      good = read_urls(reader, member.value, field, version.urls) && good;
    }
    out.push_back(std::move(version));
  }
  return good;
}

std::optional<std::string> show_versions(const Field&, const std::vector<VersionSpec>& value) {
  if (value.empty() || value.front().name.empty()) return std::nullopt;
  std::string out = "{";
  for (const VersionSpec& version : value) {
    out += (out.size() > 1 ? ", " : "") + quoted_text(version.name) + ": " + show_urls(version);
  }
  return out + "}";
}

bool read_canary(Reader& reader, const Node& node, const Field& field, std::optional<CanarySpec>& out) {
  CanarySpec canary;
  if (node.is_map()) {
    const std::size_t before = reader.diagnostics().size();
    read_table(reader, node, field.name, canary_table(), &canary);
    if (reader.diagnostics().size() == before) {
      reader.error(node, "the long form of `canary` is not available in this version",
                   "Write for example `canary: v2 5%`");
    }
    return false;
  }
  if (!is_one_value(reader, node, field)) return false;
  if (node.value == "off" || node.value == "none") {
    out.reset();
    return true;
  }
  const std::size_t space = node.value.find(' ');
  const std::size_t number = node.value.find_first_not_of(' ', space);
  if (space == std::string::npos || number == std::string::npos) {
    reader.refuse(
        node, field.name, field.kind->expects,
        {fmt::format("`{}` is no version and percentage", node.value), "Write for example `canary: v2 5%`"});
    return false;
  }
  const auto percent = parse_percent(std::string_view(node.value).substr(number));
  if (!percent) {
    reader.refuse(node, field.name, field.kind->expects, percent.error());
    return false;
  }
  canary.to = node.value.substr(0, space);
  canary.percent = *percent;
  out = std::move(canary);
  return true;
}

std::optional<std::string> show_canary(const Field&, const std::optional<CanarySpec>& value) {
  return value ? fmt::format("{} {}", value->to, show_percent(value->percent)) : "off";
}

bool read_service_path(Reader& reader, const Node& node, const Field& field,
                       std::optional<PathPattern>& out) {
  if (!is_one_value(reader, node, field)) return false;
  if (node.value == "none") {
    out.reset();
    return true;
  }
  auto pattern = parse_path_pattern(node.value);
  if (!pattern) {
    reader.refuse(node, field.name, field.kind->expects, pattern.error());
    return false;
  }
  pattern->text = node.shown();
  out = std::move(*pattern);
  return true;
}

std::optional<std::string> show_service_path(const Field&, const std::optional<PathPattern>& value) {
  return value ? scalar_text(value->text) : "none";
}

bool read_service_host(Reader& reader, const Node& node, const Field& field, std::string& out) {
  if (!is_one_value(reader, node, field)) return false;
  const std::size_t colon = node.value.rfind(':');
  const bool has_port = colon != std::string::npos && node.value.find(']', colon) == std::string::npos;
  const auto port =
      has_port ? parse_integer(std::string_view(node.value).substr(colon + 1)) : Parsed<std::int64_t>(1);
  if (!is_host(std::string_view(node.value).substr(0, has_port ? colon : node.value.size())) || !port ||
      *port < 1 || *port > 65535) {
    reader.refuse(node, field.name, field.kind->expects,
                  {fmt::format("`{}` is no host", node.value),
                   "Write for example `users.internal`, or `users.internal:8080`"});
    return false;
  }
  out = node.value;
  return true;
}

std::optional<std::string> show_text(const Field&, const std::string& value) {
  if (value.empty()) return std::nullopt;
  return quoted_text(value);
}

bool read_health_path(Reader& reader, const Node& node, const Field& field, std::string& out) {
  if (!is_one_value(reader, node, field)) return false;
  const bool printable =
      std::ranges::all_of(node.value, [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
  if (!node.value.starts_with('/') || !printable) {
    reader.refuse(node, field.name, field.kind->expects,
                  {fmt::format("`{}` is no path to ask for", node.value),
                   "Write for example `/health`; a query may follow"});
    return false;
  }
  out = node.value;
  return true;
}

bool read_listeners(Reader& reader, const Node& node, const Field& field, std::vector<std::string>& out) {
  out.clear();
  return each_item(reader, node, field, [&](const Node& item) {
    reader.refer(item, Reference::To::listener, item.value, {}, item.shown());
    out.push_back(item.value);
    return true;
  });
}

std::optional<std::string> show_texts(const Field&, const std::vector<std::string>& value) {
  std::vector<std::string> items;
  for (const std::string& text : value) items.push_back(quoted_text(text));
  return show_list(items);
}

// Framing and the connection are the gateway's own.
bool may_touch(Reader& reader, const Node& node, std::string_view name) {
  const std::string lower = lower_case(name);
  for (std::string_view own : {"content-length", "transfer-encoding", "connection", "keep-alive", "upgrade",
                               "te", "trailer", "proxy-connection"}) {
    if (lower != own) continue;
    reader.error(node, fmt::format("`{}` is set by the gateway itself, never by a configuration", own),
                 "Remove it");
    return false;
  }
  if (lower != "host") return true;
  reader.error(node, "the Host is not set as a header", "Write `host: name` in the service");
  return false;
}

bool read_header_value(Reader& reader, const Node& key, const Node& node, std::vector<HeaderOps::Item>& out) {
  if (!node.is_scalar()) {
    reader.error(node.is_null() ? key : node, fmt::format("`{}` has no value", key.value),
                 "Write a text, or use `remove`");
    return false;
  }
  const bool printable = std::ranges::all_of(
      node.value, [](char c) { return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) || c == '\t'; });
  const bool padded = !node.value.empty() && (node.value.front() == ' ' || node.value.back() == ' ' ||
                                              node.value.front() == '\t' || node.value.back() == '\t');
  if (!printable || padded) {
    reader.refuse(
        node, key.value, "one line of text",
        {printable ? "the value begins or ends with a space" : "the value holds a control character",
         "A header's value is one line of text"});
    return false;
  }
  out.push_back({key.value, Secret(node.value, node.shown(), node.substituted)});
  return true;
}

bool read_header_items(Reader& reader, const Node& node, const Field& field,
                       std::vector<HeaderOps::Item>& out) {
  if (!node.is_map()) {
    reader.error(node, fmt::format("`{}` is a map from header names to values", field.name),
                 fmt::format("Write `{}: {{x-name: value}}`", field.name));
    return false;
  }
  if (!reader.few_enough(node, field.name)) return false;
  bool good = true;
  for (const NodeMember& member : node.members) {
    if (!is_token(member.key.value)) {
      reader.error(member.key, fmt::format("`{}` is no name of a header", member.key.value));
      good = false;
      continue;
    }
    if (!may_touch(reader, member.key, member.key.value)) {
      good = false;
      continue;
    }
    const std::string lower = lower_case(member.key.value);
    std::erase_if(
        out, [&](const HeaderOps::Item& item) { return lower_case(item.name) == lower; });  // from `defaults`
    if (member.value.is_list() && field.name == "add") {
      for (const Node& item : member.value.items)
        good = read_header_value(reader, member.key, item, out) && good;
    } else {
      good = read_header_value(reader, member.key, member.value, out) && good;
    }
  }
  return good;
}

std::optional<std::string> show_header_items(const Field&, const std::vector<HeaderOps::Item>& value) {
  if (value.empty()) return std::nullopt;
  std::vector<std::pair<std::string, std::vector<std::string>>> names;  // `add` may hold a name several times
  for (const HeaderOps::Item& item : value) {
    auto known =
        std::ranges::find(names, item.name, &std::pair<std::string, std::vector<std::string>>::first);
    if (known == names.end()) known = names.insert(names.end(), {item.name, {}});
    known->second.push_back(quoted_text(item.value.source()));
  }
  std::string out = "{";
  for (const auto& [name, values] : names) {
    out += (out.size() > 1 ? ", " : "") + quoted_text(name) + ": " + show_list(values).value_or("");
  }
  return out + "}";
}

bool read_header_names(Reader& reader, const Node& node, const Field& field, std::vector<std::string>& out) {
  out.clear();
  return each_item(reader, node, field, [&](const Node& item) {
    if (!is_token(item.value)) {
      reader.refuse(item, field.name, field.kind->expects,
                    {fmt::format("`{}` is no name of a header", item.value), {}});
      return false;
    }
    if (!item.substituted && !may_touch(reader, item, item.value)) return false;
    out.push_back(item.value);
    return true;
  });
}

}  // namespace

constinit const ValueKind<std::vector<VersionSpec>> kUrls{
    {"URL", "a URL, such as `http://users:8080`, or a list of URLs",
     R"({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]})",
     true},
    read_url,
    show_url};
constinit const ValueKind<std::vector<VersionSpec>> kVersions{
    {"versions", "a map from names to URLs, the stable version first",
     R"({"type": "object", "minProperties": 1, "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}})",
     true},
    read_versions,
    show_versions};
constinit const ValueKind<std::optional<CanarySpec>> kCanary{
    {"canary", "a version and its percentage, such as `v2 5%`",
     R"({"type": "string", "pattern": "^(off|none|[A-Za-z0-9._-]+ +[0-9]+([.][0-9]+)?%)$"})"},
    read_canary,
    show_canary};
constinit const ValueKind<std::optional<PathPattern>> kServicePath{
    {"path", "a path, such as `/users/*`, or `none`", R"({"type": "string"})", true},
    read_service_path,
    show_service_path};
constinit const ValueKind<std::string> kServiceHost{
    {"host", "a host, such as `users.internal`", R"({"type": "string"})"}, read_service_host, show_text};
constinit const ValueKind<std::string> kHealthPath{
    {"path", "a path, such as `/health`", R"({"type": "string", "pattern": "^/"})"},
    read_health_path,
    show_text};
constinit const ValueKind<std::vector<std::string>> kListeners{
    {"listeners", "the name of a listener, or a list of them",
     R"({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})"},
    read_listeners,
    show_texts};
constinit const ValueKind<std::vector<HeaderOps::Item>> kHeaderItems{
    {"header values", "a map from header names to values, such as `{x-team: payments}`",
     R"({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "array"]}})",
     true},
    read_header_items,
    show_header_items};
constinit const ValueKind<std::vector<std::string>> kHeaderNames{
    {"header names", "the name of a header, or a list of them",
     R"({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})"},
    read_header_names,
    show_texts};

}  // namespace gatehouse::config
