// Kinds of `cors`: origins, and the names of methods and headers that pages are told.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "config/kinds.h"

namespace gatehouse::config {

namespace {

// `*` alone, or names: beside it they would say nothing.
bool alone_if_all(Reader& reader, const Node& node, const Field& field, bool all, std::size_t count) {
  if (!all || count < 2) return true;
  reader.error(node, fmt::format("`*` in `{}` stands for all, and others stand beside it", field.name),
               "Write `*` alone, or remove it");
  return false;
}

bool read_origins(Reader& reader, const Node& node, const Field& field, std::vector<OriginPattern>& out) {
  out.clear();
  if (node.is_list() && node.items.empty()) {
    reader.error(node, fmt::format("`{}` is an empty list", field.name),
                 "Name the origins, or write `cors: off`");
    return false;
  }
  if (node.is_list() && !reader.few_enough(node, field.name)) return false;
  bool every = false;
  const bool good = each_item(reader, node, field, [&](const Node& item) {
    auto origin = parse_origin_pattern(item.value);
    if (!origin) {
      reader.refuse(item, field.name, field.kind->expects, origin.error());
      return false;
    }
    every = every || origin->kind == OriginPattern::Kind::every;
    if (item.substituted) origin->shown = item.shown();
    if (std::ranges::find(out, *origin) == out.end()) out.push_back(std::move(*origin));
    return true;
  });
  return alone_if_all(reader, node, field, every, out.size()) && good;
}

std::optional<std::string> show_origins(const Field&, const std::vector<OriginPattern>& value) {
  std::vector<std::string> items;
  items.reserve(value.size());
  for (const OriginPattern& origin : value) items.push_back(quoted_text(shown(origin)));
  return show_list(items);
}

// Every page of an allowed origin is told them, so they are no secrets.
bool read_names(Reader& reader, const Node& node, const Field& field, std::vector<std::string>& out) {
  out.clear();
  if (node.is_list() && !reader.few_enough(node, field.name)) return false;
  const bool good = each_item(reader, node, field, [&](const Node& item) {
    if (item.substituted && !item.escaped) {
      reader.error(item, fmt::format("a secret may not be used here: pages are told `{}`", field.name),
                   "Write the name out");
      return false;
    }
    if (!is_token(item.value)) {
      reader.refuse(item, field.name, field.kind->expects,
                    {fmt::format("`{}` is no name of a header", item.value), {}});
      return false;
    }
    const std::string lower = lower_case(item.value);
    if (std::ranges::none_of(out, [&](const std::string& name) { return lower_case(name) == lower; }))
      out.push_back(item.value);
    return true;
  });
  return alone_if_all(reader, node, field, std::ranges::find(out, "*") != out.end(), out.size()) && good;
}

bool read_methods(Reader& reader, const Node& node, const Field& field, std::vector<std::string>& out) {
  return kMethods.read(reader, node, field, out) &&
         alone_if_all(reader, node, field, std::ranges::find(out, "*") != out.end(), out.size());
}

// No names at all is a value of its own, unlike the default.
std::optional<std::string> show_names(const Field& field, const std::vector<std::string>& value) {
  if (value.empty())
    return field.options.default_text == "none" ? std::nullopt : std::optional<std::string>("[]");
  std::vector<std::string> items;
  items.reserve(value.size());
  for (const std::string& name : value) items.push_back(quoted_text(name));
  return show_list(items);
}

constexpr std::string_view kTextsSchema =
    R"({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})";

}  // namespace

constinit const ValueKind<std::vector<OriginPattern>> kOrigins{
    {"origins", "`*`, an origin, such as `https://shop.example.com`, or a list of them", kTextsSchema, true},
    read_origins,
    show_origins};
constinit const ValueKind<std::vector<std::string>> kCorsMethods{
    {"methods", "`*`, a method, such as `GET`, or a list of them", kTextsSchema}, read_methods, show_names};
constinit const ValueKind<std::vector<std::string>> kCorsHeaders{
    {"headers", "`*`, the name of a header, or a list of them", kTextsSchema}, read_names, show_names};

}  // namespace gatehouse::config
