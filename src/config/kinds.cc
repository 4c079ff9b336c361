#include "config/kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

namespace gatehouse::config {

namespace {

std::string show_number(std::int64_t number) { return std::to_string(number); }
std::string show_duration_number(std::int64_t nanoseconds) { return show_duration(Duration{nanoseconds}); }
std::string show_size_number(std::int64_t bytes) { return show_size(static_cast<std::uint64_t>(bytes)); }

bool in_range(Reader& reader, const Node& node, const Field& field, std::int64_t number,
              std::string (*show)(std::int64_t)) {
  const Options& range = field.options;
  if (number >= range.min && number <= range.max) return true;
  constexpr auto kNoMin = std::numeric_limits<std::int64_t>::min();
  constexpr auto kNoMax = std::numeric_limits<std::int64_t>::max();
  std::string bounds = range.min == kNoMin   ? fmt::format("at most {}", show(range.max))
                       : range.max == kNoMax ? fmt::format("at least {}", show(range.min))
                                             : fmt::format("from {} to {}", show(range.min), show(range.max));
  const std::string word = range.zero.empty() ? std::string() : fmt::format(", or `{}`", range.zero);
  reader.refuse(
      node, field.name, bounds,
      {fmt::format("`{}` is out of range", node.value), fmt::format("Write a value {}{}", bounds, word)});
  return false;
}

bool is_zero_word(const Node& node, const Field& field) {
  return !field.options.zero.empty() && node.value == field.options.zero;
}

template <class T>
bool read_integer(Reader& reader, const Node& node, const Field& field, T& out) {
  if (!is_one_value(reader, node, field)) return false;
  if (is_zero_word(node, field)) {
    out = 0;
    return true;
  }
  const auto number = parse_integer(node.value);
  if (!number) {
    const std::string word =
        field.options.zero.empty() ? std::string() : fmt::format(", or `{}`", field.options.zero);
    reader.refuse(node, field.name, field.kind->expects,
                  {number.error().message, fmt::format("Write {}{}", field.kind->expects, word)});
    return false;
  }
  constexpr auto kMost = sizeof(T) < 8 ? static_cast<std::int64_t>(std::numeric_limits<T>::max())
                                       : std::numeric_limits<std::int64_t>::max();
  if (!in_range(reader, node, field, *number, show_number)) return false;
  if (*number > kMost || (std::is_unsigned_v<T> && *number < 0)) {
    reader.refuse(node, field.name, field.kind->expects,
                  {fmt::format("`{}` is out of range", node.value), {}});
    return false;
  }
  out = static_cast<T>(*number);
  return true;
}

template <class T>
std::optional<std::string> show_integer(const Field& field, const T& value) {
  if (value == 0 && !field.options.zero.empty()) return std::string(field.options.zero);
  return fmt::format("{}", value);
}

// A port that was refused is none, so that it does not collide with others by its default.
bool read_port(Reader& reader, const Node& node, const Field& field, std::uint16_t& out) {
  out = 0;
  return read_integer(reader, node, field, out);
}

bool read_size(Reader& reader, const Node& node, const Field& field, std::uint64_t& out) {
  if (!is_one_value(reader, node, field)) return false;
  if (is_zero_word(node, field)) {
    out = 0;
    return true;
  }
  const auto size = parse_size(node.value);
  if (!size) {
    reader.refuse(node, field.name, field.kind->expects, size.error());
    return false;
  }
  if (!in_range(reader, node, field, static_cast<std::int64_t>(*size), show_size_number)) return false;
  out = *size;
  return true;
}

std::optional<std::string> show_size_value(const Field& field, const std::uint64_t& value) {
  return value == 0 && !field.options.zero.empty() ? std::string(field.options.zero) : show_size(value);
}

bool read_duration(Reader& reader, const Node& node, const Field& field, Duration& out) {
  if (!is_one_value(reader, node, field)) return false;
  const auto duration = parse_duration(node.value);
  if (!duration) {
    reader.refuse(node, field.name, field.kind->expects, duration.error());
    return false;
  }
  if (!in_range(reader, node, field, duration->count(), show_duration_number)) return false;
  out = *duration;
  return true;
}

bool read_optional_duration(Reader& reader, const Node& node, const Field& field,
                            std::optional<Duration>& out) {
  if (is_zero_word(node, field)) {
    out.reset();
    return true;
  }
  Duration duration{};
  if (!read_duration(reader, node, field, duration)) return false;
  out = duration;
  return true;
}

bool read_fraction(Reader& reader, const Node& node, const Field& field, double& out) {
  if (!is_one_value(reader, node, field)) return false;
  const auto percent = parse_percent(node.value);
  if (!percent) {
    reader.refuse(node, field.name, field.kind->expects, percent.error());
    return false;
  }
  out = *percent / 100;
  return true;
}

bool read_switch(Reader& reader, const Node& node, const Field& field, bool& out) {
  if (!is_one_value(reader, node, field)) return false;
  const auto on = parse_switch(node.value);
  if (!on) {
    reader.refuse(node, field.name, field.kind->expects, on.error());
    return false;
  }
  out = *on;
  return true;
}

bool read_text(Reader& reader, const Node& node, const Field& field, std::string& out) {
  if (!is_one_value(reader, node, field)) return false;
  out = node.value;
  return true;
}

std::optional<std::string> show_text(const Field&, const std::string& value) {
  if (value.empty()) return std::nullopt;
  return quoted_text(value);
}

bool read_secret(Reader& reader, const Node& node, const Field& field, Secret& out) {
  if (!is_one_value(reader, node, field)) return false;
  out = Secret(node.value, node.shown(), node.substituted);
  return true;
}

bool read_file_path(Reader& reader, const Node& node, const Field& field, Secret& out) {
  if (!read_secret(reader, node, field, out)) return false;
  if (!out.empty()) return true;
  reader.refuse(node, field.name, field.kind->expects,
                {"the path is empty", "Write for example `/var/lib/gatehouse`"});
  return false;
}

bool read_bind(Reader& reader, const Node& node, const Field& field, std::string& out) {
  if (!is_one_value(reader, node, field)) return false;
  if (!is_address(node.value)) {
    reader.refuse(node, field.name, field.kind->expects,
                  {fmt::format("`{}` is no address", node.value),
                   "Write an address of this machine such as `127.0.0.1`, or `0.0.0.0` or `::` for all"});
    return false;
  }
  out = node.value;
  return true;
}

bool read_cidrs(Reader& reader, const Node& node, const Field& field, std::vector<Cidr>& out) {
  out.clear();
  return each_item(reader, node, field, [&](const Node& item) {
    const auto cidr = parse_cidr(item.value);
    if (!cidr) {
      reader.refuse(item, field.name, field.kind->expects, cidr.error());
      return false;
    }
    out.push_back(*cidr);
    return true;
  });
}

std::optional<std::string> show_cidrs(const Field&, const std::vector<Cidr>& value) {
  std::vector<std::string> items;
  for (const Cidr& cidr : value) items.push_back(scalar_text(show_cidr(cidr)));
  return show_list(items);
}

bool read_host_names(Reader& reader, const Node& node, const Field& field, std::vector<std::string>& out) {
  out.clear();
  return each_item(reader, node, field, [&](const Node& item) {
    const auto host = parse_host_pattern(item.value);
    if (!host || host->wildcard || host->text.empty()) {
      reader.refuse(item, field.name, field.kind->expects,
                    host ? Complaint{"a wildcard is not taken here", "Write each host out"} : host.error());
      return false;
    }
    out.push_back(host->text);
    return true;
  });
}

std::optional<std::string> show_texts(const Field&, const std::vector<std::string>& value) {
  std::vector<std::string> items;
  for (const std::string& text : value) items.push_back(quoted_text(text));
  return show_list(items);
}

bool read_tokens(Reader& reader, const Node& node, const Field& field, std::vector<AdminSpec::Named>& out) {
  if (!node.is_map()) {
    reader.error(node, fmt::format("`{}` is a map from names to tokens", field.name),
                 "Write `tokens: {alice: $ALICE_TOKEN}`");
    return false;
  }
  for (const NodeMember& member : node.members) {
    if (!is_name(member.key.value, true)) {
      reader.error(member.key, fmt::format("`{}` is no name", member.key.value),
                   "A name has letters, digits, `.`, `_` and `-`");
    } else if (member.value.failed) {
      continue;
    } else if (!member.value.is_scalar() || member.value.value.empty()) {
      reader.error(member.value.is_null() ? member.key : member.value,
                   fmt::format("the token of `{}` is empty", member.key.value),
                   "Write for example `$ALICE_TOKEN`");
    } else {
      out.push_back(
          {member.key.value, Secret(member.value.value, member.value.shown(), member.value.substituted)});
    }
  }
  return true;
}

std::optional<std::string> show_tokens(const Field&, const std::vector<AdminSpec::Named>& value) {
  if (value.empty()) return std::nullopt;
  std::string out = "{";
  for (const AdminSpec::Named& token : value) {
    out += (out.size() > 1 ? ", " : "") + quoted_text(token.name) + ": " + quoted_text(token.token.source());
  }
  return out + "}";
}

constexpr std::string_view kIntegerSchema = R"({"type": "integer"})";
constexpr std::string_view kStringSchema = R"({"type": "string"})";
constexpr std::string_view kAddressesSchema =
    R"({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})";

}  // namespace

bool method_is_written_out(Reader& reader, const Node& node) {
  if (!node.substituted || node.escaped) return true;
  reader.error(node, "a secret may not be used here: `Allow` tells every client the methods",
               "Write the method out");
  return false;
}

std::optional<std::string> show_secret(const Field&, const Secret& value) {
  if (value.source().empty()) return std::nullopt;
  return quoted_text(value.source());
}

bool is_one_value(Reader& reader, const Node& node, const Field& field) {
  if (node.is_scalar()) return true;
  reader.error(node, fmt::format("`{}` takes {}, not a {}", field.name, field.kind->expects,
                                 node.is_list() ? "list" : "map"));
  return false;
}

std::optional<std::string> show_list(const std::vector<std::string>& items) {
  if (items.empty()) return std::nullopt;
  if (items.size() == 1) return items.front();
  return fmt::format("[{}]", fmt::join(items, ", "));
}

constinit const ValueKind<std::uint16_t> kPort{
    {"port", "a port, such as `8080`", kIntegerSchema}, read_port, show_integer<std::uint16_t>};
constinit const ValueKind<std::uint16_t> kStatus{{"status", "an HTTP status, such as `404`", kIntegerSchema},
                                                 read_integer<std::uint16_t>,
                                                 show_integer<std::uint16_t>};
constinit const ValueKind<std::int64_t> kInteger{
    {"number", "a whole number", kIntegerSchema}, read_integer<std::int64_t>, show_integer<std::int64_t>};
constinit const ValueKind<unsigned> kNumber{
    {"number", "a whole number", kIntegerSchema}, read_integer<unsigned>, show_integer<unsigned>};
constinit const ValueKind<std::uint64_t> kCount{
    {"number", "a whole number", kIntegerSchema}, read_integer<std::uint64_t>, show_integer<std::uint64_t>};
constinit const ValueKind<std::uint64_t> kSize{{"size", "a size, such as `64KB` or `2MB` (KB = 1024 bytes)",
                                                R"({"type": "string", "pattern": "^[0-9]+(B|KB|MB|GB)$"})"},
                                               read_size,
                                               show_size_value};
constinit const ValueKind<Duration> kDuration{
    {"duration", "a duration, such as `300ms`, `10s`, `5m` or `1h`",
     R"({"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$"})"},
    read_duration,
    [](const Field&, const Duration& value) -> std::optional<std::string> { return show_duration(value); }};
constinit const ValueKind<std::optional<Duration>> kOptionalDuration{
    {"duration", "a duration, such as `300ms`, `10s`, `5m` or `1h`",
     R"({"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$"})"},
    read_optional_duration,
    [](const Field& field, const std::optional<Duration>& value) -> std::optional<std::string> {
      if (value) return show_duration(*value);
      return field.options.zero.empty() ? std::nullopt : std::optional(std::string(field.options.zero));
    }};
constinit const ValueKind<double> kFraction{
    {"percent", "a percentage, such as `20%`", R"({"type": "string", "pattern": "^[0-9]+([.][0-9]+)?%$"})"},
    read_fraction,
    [](const Field&, const double& value) -> std::optional<std::string> {
      return show_percent(value * 100);
    }};
constinit const ValueKind<bool> kSwitch{
    {"switch", "`on` or `off`", R"({"enum": ["on", "off", true, false]})"},
    read_switch,
    [](const Field&, const bool& value) -> std::optional<std::string> { return value ? "on" : "off"; }};
constinit const ValueKind<std::string> kText{{"text", "a text", kStringSchema}, read_text, show_text};
constinit const ValueKind<Secret> kFilePath{
    {"path of a file", "the path of a file or folder", kStringSchema, true}, read_file_path, show_secret};
constinit const ValueKind<std::string> kBind{
    {"address", "an address, such as `127.0.0.1` or `::`", kStringSchema}, read_bind, show_text};
constinit const ValueKind<Secret> kSecret{{"secret", "a text, best as `$NAME` or `file:/path`",
                                           R"({"type": ["string", "number", "boolean"]})", true},
                                          read_secret,
                                          show_secret};
constinit const ValueKind<std::vector<Cidr>> kCidrs{
    {"addresses", "an address block, such as `10.0.0.0/8`, or a list of them", kAddressesSchema},
    read_cidrs,
    show_cidrs};
constinit const ValueKind<std::vector<std::string>> kHostNames{
    {"hosts", "a host, such as `gw.example.com`, or a list of them", kAddressesSchema},
    read_host_names,
    show_texts};
constinit const ValueKind<std::vector<AdminSpec::Named>> kTokens{
    {"tokens", "a map from names to tokens, such as `{alice: $ALICE_TOKEN}`",
     R"({"type": "object", "additionalProperties": {"type": "string"}})", true},
    read_tokens,
    show_tokens};

}  // namespace gatehouse::config
