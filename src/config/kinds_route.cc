// Kinds of routes: what they match and where they lead.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "config/condition.h"
#include "config/kinds.h"
#include "config/path_pattern.h"

namespace gatehouse::config {

namespace {

bool read_paths(Reader& reader, const Node& node, const Field& field, std::vector<PathPattern>& out) {
  out.clear();
  return each_item(reader, node, field, [&](const Node& item) {
    auto pattern = parse_path_pattern(item.value);
    if (!pattern) {
      reader.refuse(item, field.name, "a path such as `/users/*`", pattern.error());
      return false;
    }
    pattern->text = item.shown();
    out.push_back(std::move(*pattern));
    return true;
  });
}

std::optional<std::string> show_paths(const Field&, const std::vector<PathPattern>& value) {
  std::vector<std::string> items;
  for (const PathPattern& path : value) items.push_back(scalar_text(path.text));
  return show_list(items);
}

bool read_hosts(Reader& reader, const Node& node, const Field& field, std::vector<HostPattern>& out) {
  out.clear();
  bool any = false;
  const bool good = each_item(reader, node, field, [&](const Node& item) {
    auto host = parse_host_pattern(item.value);
    if (!host) {
      reader.refuse(item, field.name, "a host such as `api.example.com`", host.error());
      return false;
    }
    any = any || host->text.empty();
    if (item.substituted) host->shown = item.source;
    out.push_back(std::move(*host));
    return true;
  });
  if (any) out.clear();  // `*` is any host, which is what an empty list says
  return good;
}

std::optional<std::string> show_hosts(const Field&, const std::vector<HostPattern>& value) {
  std::vector<std::string> items;
  for (const HostPattern& host : value) items.push_back(quoted_text(shown(host)));
  return show_list(items);
}

bool read_when_value(Reader& reader, const Node& node, const Field& field, When& out) {
  return read_when(reader, node, out, field.name);
}

std::optional<std::string> show_when(const Field&, const When& value) {
  std::vector<std::string> sets;
  for (const ConditionSet& set : value) {
    std::string text;
    for (const Condition& condition : set) text += (text.empty() ? "" : ", ") + condition.text;
    sets.push_back("{" + text + "}");
  }
  return show_list(sets);
}

// `payments` or `payments.v2`; names of services have no dots.
Target target_of(Reader& reader, const Node& node) {
  const std::size_t dot = node.value.find('.');
  Target target;
  target.service = node.value.substr(0, dot);
  if (dot != std::string::npos) target.version = node.value.substr(dot + 1);
  target.at = reader.at(node);
  if (node.substituted) target.shown = node.source;
  reader.refer(node, Reference::To::service, target.service, target.version, node.shown());
  return target;
}

bool read_weights(Reader& reader, const Node& node, const Field& field, std::vector<Target>& out) {
  bool good = true;
  double sum = 0;
  for (const NodeMember& member : node.members) {
    Target target = target_of(reader, member.key);
    const auto percent =
        member.value.is_scalar()
            ? parse_percent(member.value.value)
            : Parsed<double>(complain("a weight is a percentage", "Write `{a: 90%, b: 10%}`"));
    if (!percent) {
      reader.refuse(member.value.is_null() ? member.key : member.value, field.name, "a percentage",
                    percent.error());
      good = false;
      continue;
    }
    target.percent = *percent;
    sum += *percent;
    out.push_back(std::move(target));
  }
  if (good && std::abs(sum - 100) > 0.001) {
    reader.refuse(node, field.name, "a set of weights that sum to 100%",
                  {fmt::format("the weights sum to {}, not 100%", show_percent(sum)),
                   "Write for example `{a: 90%, b: 10%}`"});
    return false;
  }
  return good;
}

bool read_targets(Reader& reader, const Node& node, const Field& field, std::vector<Target>& out) {
  out.clear();
  if (node.is_map()) return read_weights(reader, node, field, out);
  if (node.is_list()) {
    reader.error(node, "several targets need their weights", "Write for example `to: {a: 90%, b: 10%}`");
    return false;
  }
  out.push_back(target_of(reader, node));
  return true;
}

std::optional<std::string> show_targets(const Field&, const std::vector<Target>& value) {
  if (value.empty()) return std::nullopt;
  if (value.size() == 1 && value.front().percent == 100) return quoted_text(shown(value.front()));
  std::string out = "{";
  for (const Target& target : value)
    out += (out.size() > 1 ? ", " : "") + quoted_text(shown(target)) + ": " + show_percent(target.percent);
  return out + "}";
}

bool read_rewrite(Reader& reader, const Node& node, const Field& field, Rewrite& out) {
  if (!is_one_value(reader, node, field)) return false;
  if (node.value == "none") {
    out = Rewrite{};
    return true;
  }
  auto rewrite = parse_rewrite(node.value);
  if (!rewrite) {
    reader.refuse(node, field.name, field.kind->expects, rewrite.error());
    return false;
  }
  rewrite->text = node.shown();
  out = std::move(*rewrite);
  return true;
}

std::optional<std::string> show_rewrite(const Field&, const Rewrite& value) {
  return value.text.empty() ? "none" : scalar_text(value.text);
}

bool read_route_rewrite(Reader& reader, const Node& node, const Field& field, std::optional<Rewrite>& out) {
  Rewrite rewrite;
  if (!read_rewrite(reader, node, field, rewrite)) return false;
  out = std::move(rewrite);
  return true;
}

std::optional<std::string> show_route_rewrite(const Field& field, const std::optional<Rewrite>& value) {
  return value ? show_rewrite(field, *value) : std::nullopt;
}

bool read_redirect_to(Reader& reader, const Node& node, const Field& field, Secret& out) {
  if (!is_one_value(reader, node, field)) return false;
  const std::string& text = node.value;
  const bool printable = std::ranges::all_of(
      text, [](char c) { return c > ' ' && c < 0x7f && c != '\\' && c != '"' && c != '<' && c != '>'; });
  const bool url = (text.starts_with("http://") && text.size() > 7 && text[7] != '/') ||
                   (text.starts_with("https://") && text.size() > 8 && text[8] != '/');
  const bool path = text.starts_with('/') && !text.starts_with("//");
  if (!printable || (!url && !path)) {
    reader.refuse(node, field.name, field.kind->expects,
                  {fmt::format("`{}` is neither a URL nor a path", text),
                   "Write for example `https://www.example.com/*` or `/new/*`"});
    return false;
  }
  out = Secret(text, node.shown(), node.substituted);
  return true;
}

std::optional<std::string> show_text(const Field&, const std::string& value) {
  if (value.empty()) return std::nullopt;
  return quoted_text(value);
}

bool read_route_name(Reader& reader, const Node& node, const Field& field, std::string& out) {
  if (!is_one_value(reader, node, field)) return false;
  const bool printable = std::ranges::all_of(
      node.value, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
  if (node.value.empty() || node.value.size() > 200 || !printable || (node.substituted && !node.escaped)) {
    reader.refuse(node, field.name, "a name written out",
                  {"a route's name is one line of at most 200 bytes", {}});
    return false;
  }
  out = node.value;
  return true;
}

// A made name may hold the source of a substitution, which must not be replaced when it is read again.
std::optional<std::string> show_route_name(const Field& field, const std::string& value) {
  std::string escaped;
  for (char c : value) escaped += c == '$' ? "$$" : std::string(1, c);
  return show_text(field, escaped);
}

constexpr std::string_view kTextsSchema =
    R"({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})";
constexpr std::string_view kWhenSchema = R"({"$ref": "#/$defs/conditions"})";

}  // namespace

constinit const ValueKind<std::vector<PathPattern>> kPaths{
    {"paths", "a path, such as `/users/*`, or a list of them", kTextsSchema, true}, read_paths, show_paths};
constinit const ValueKind<std::vector<HostPattern>> kHosts{
    {"hosts", "a host, such as `api.example.com` or `*.example.com`, or a list of them", kTextsSchema},
    read_hosts,
    show_hosts};
constinit const ValueKind<When> kWhen{
    {"conditions", "conditions, such as `{header.x-beta: \"true\"}`, or a list of them", kWhenSchema, true},
    read_when_value,
    show_when};
constinit const ValueKind<std::vector<Target>> kTargets{
    {"target",
     "a service, such as `payments`, one of its versions, `payments.v2`, or weights, `{a: 90%, b: 10%}`",
     R"({"anyOf": [{"type": "string"}, {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}]})"},
    read_targets,
    show_targets};
constinit const ValueKind<Rewrite> kRewrite{
    {"rewrite", "a path, such as `/v2/*`, or `none`", R"({"type": "string"})"}, read_rewrite, show_rewrite};
constinit const ValueKind<std::optional<Rewrite>> kRouteRewrite{
    {"rewrite", "a path, such as `/v2/*`, or `none`", R"({"type": "string"})"},
    read_route_rewrite,
    show_route_rewrite};
constinit const ValueKind<Secret> kRedirectTo{
    {"URL or path", "a URL, such as `https://www.example.com/*`, or a path", R"({"type": "string"})", true},
    read_redirect_to,
    show_secret};
constinit const ValueKind<std::string> kRouteName{
    {"name", "a name", R"({"type": "string"})"}, read_route_name, show_route_name};

}  // namespace gatehouse::config
