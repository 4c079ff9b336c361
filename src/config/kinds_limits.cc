// Kinds of `limits`.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/kinds.h"
#include "config/suggest.h"

namespace gatehouse::config {

namespace {

// The slowest that is counted in whole nanoseconds without an overflow that anybody could live to see.
constexpr Duration kLongestRefill = 366 * 24h;
constexpr Duration kShortestInterval = 1us;  // a million a second

std::expected<void, Complaint> check_rate(const Rate& rate) {
  if (rate.per / static_cast<std::int64_t>(rate.count) < kShortestInterval)
    return complain(fmt::format("`{}` is more than 1000000/s", show_rate(rate)), "Write at most `1000000/s`");
  if (rate.burst > static_cast<std::uint64_t>(kLongestRefill / (rate.per / static_cast<double>(rate.count))))
    return complain(fmt::format("a burst of {} takes more than a year to come back", rate.burst),
                    "Write a smaller burst or a higher rate");
  return {};
}

bool read_limit_rate(Reader& reader, const Node& node, const Field& field, LimitSpec& out) {
  if (!is_one_value(reader, node, field)) return false;
  const std::string_view text = node.value;
  const std::size_t per = text.find(" per ");
  std::string_view by = per == std::string_view::npos ? std::string_view{} : text.substr(per + 5);
  while (by.starts_with(' ')) by.remove_prefix(1);
  const auto rate = parse_rate(text.substr(0, per));
  const auto good = rate ? check_rate(*rate) : std::unexpected(rate.error());
  if (!good) {
    reader.refuse(node, field.name, field.kind->expects, good.error());
    return false;
  }
  out.rate = *rate;
  out.by = {};
  out.by_given = false;
  if (per == std::string_view::npos) return true;
  if (by.find(" burst ") != std::string_view::npos || by.ends_with(" burst")) {
    reader.refuse(node, field.name, field.kind->expects,
                  {"`burst` stands before `per`", "Write for example `100/s burst 200 per user`"});
    return false;
  }
  const auto counted = parse_limit_by(by);
  if (!counted) {
    reader.refuse(node, field.name, field.kind->expects, counted.error());
    return false;
  }
  out.by = *counted;
  out.by_given = true;
  return true;
}

std::optional<std::string> show_limit_rate(const Field&, const LimitSpec& value) {
  if (value.rate.count == 0) return std::nullopt;
  const std::string by = show_limit_by(value.by);
  return by.empty() ? show_rate(value.rate) : fmt::format("{} per {}", show_rate(value.rate), by);
}

bool read_limit_cost(Reader& reader, const Node& node, const Field& field, LimitCost& out) {
  if (!is_one_value(reader, node, field)) return false;
  auto cost = parse_limit_cost(node.value);
  if (!cost) {
    reader.refuse(node, field.name, field.kind->expects, cost.error());
    return false;
  }
  out = std::move(*cost);
  return true;
}

constexpr std::array<std::string_view, 4> kHeaderWords = {"standard", "legacy", "both",
                                                          "off"};  // in the order of LimitHeaders

bool read_limit_headers(Reader& reader, const Node& node, const Field& field, LimitHeaders& out) {
  if (!is_one_value(reader, node, field)) return false;
  const auto found = std::ranges::find(kHeaderWords, std::string_view(node.value));
  if (found == kHeaderWords.end()) {
    std::string hint = did_you_mean(node.value, kHeaderWords);
    if (hint.empty()) hint = "Write `standard`, `legacy`, `both` or `off`";
    reader.refuse(node, field.name, field.kind->expects,
                  {fmt::format("`{}` is not known here", node.value), std::move(hint)});
    return false;
  }
  out = static_cast<LimitHeaders>(found - kHeaderWords.begin());
  return true;
}

}  // namespace

constinit const ValueKind<LimitSpec> kLimitRate{
    {"limit rate",
     "a rate, such as `100/s`, `100/s burst 200 per user` or `1000/h per header.x-tenant`; s, min, h or d; "
     "per user, ip, key, claim.NAME, header.NAME, route or service",
     R"({"type": "string", "pattern": "^[0-9]+/(s|min|h|d)( +burst +[0-9]+)?( +per +(user|ip|key|route|service|claim[.].+|header[.].+))?$"})"},
    read_limit_rate,
    show_limit_rate};
constinit const ValueKind<LimitCost> kLimitCost{
    {"cost", "a number, `header.NAME max N` or `response.header.NAME max N`",
     R"({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^([0-9]+|(response[.])?header[.][^ ]+ +max +[0-9]+)$"}]})"},
    read_limit_cost,
    [](const Field&, const LimitCost& value) -> std::optional<std::string> {
      return show_limit_cost(value);
    }};
constinit const ValueKind<LimitHeaders> kLimitHeaders{
    {"limit headers", "`standard`, `legacy`, `both` or `off`",
     R"({"enum": ["standard", "legacy", "both", "off", false]})"},
    read_limit_headers,
    [](const Field&, const LimitHeaders& value) -> std::optional<std::string> {
      return std::string(kHeaderWords[static_cast<std::size_t>(value)]);
    }};

}  // namespace gatehouse::config
