// What stands behind a limit's rate: what it counts by, and what a request costs.
#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

#include "config/suggest.h"
#include "config/values.h"

namespace gatehouse::config {

namespace {

using By = LimitBy::Kind;

constexpr std::array kByWords = {
    std::pair{std::string_view("user"), By::user}, std::pair{std::string_view("ip"), By::ip},
    std::pair{std::string_view("key"), By::key}, std::pair{std::string_view("route"), By::route},
    std::pair{std::string_view("service"), By::service}};
constexpr std::string_view kByUsage =
    "Write `user`, `ip`, `key`, `claim.NAME`, `header.NAME`, `route` or `service`";

constexpr std::int64_t kMostCost = 1'000'000'000;

std::string_view without_prefix(std::string_view text, std::string_view prefix) {
  return text.starts_with(prefix) && text.size() > prefix.size() ? text.substr(prefix.size())
                                                                 : std::string_view{};
}

Parsed<std::uint64_t> parse_units(std::string_view text) {
  const auto number = parse_integer(text);
  if (!number) return std::unexpected(number.error());
  if (*number < 1 || *number > kMostCost)
    return complain(fmt::format("a cost of {} is out of range", *number),
                    fmt::format("Write a number from 1 to {}", kMostCost));
  return static_cast<std::uint64_t>(*number);
}

}  // namespace

Parsed<LimitBy> parse_limit_by(std::string_view text) {
  for (const auto& [word, kind] : kByWords)
    if (word == text) return LimitBy{kind, {}};
  if (const std::string_view claim = without_prefix(text, "claim."); !claim.empty())
    return LimitBy{By::claim, std::string(claim)};
  if (const std::string_view header = without_prefix(text, "header."); is_token(header))
    return LimitBy{By::header, lower_case(header)};
  std::array<std::string_view, kByWords.size()> words;
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = kByWords[i].first;
  std::string hint = did_you_mean(text, words);
  return complain(fmt::format("a limit cannot count by `{}`", text),
                  hint.empty() ? std::string(kByUsage) : std::move(hint));
}

std::string show_limit_by(const LimitBy& by) {
  if (by.kind == By::claim) return "claim." + by.name;
  if (by.kind == By::header) return "header." + by.name;
  for (const auto& [word, kind] : kByWords)
    if (kind == by.kind) return std::string(word);
  return {};
}

Parsed<LimitCost> parse_limit_cost(std::string_view text) {
  constexpr std::string_view kUsage = "Write a number, `header.NAME max N` or `response.header.NAME max N`";
  if (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    const auto units = parse_units(text);
    if (!units) return std::unexpected(units.error());
    return LimitCost{LimitCost::From::fixed, *units, {}};
  }
  const std::size_t space = text.find(' ');
  const std::string_view source = text.substr(0, space);
  const bool response = source.starts_with("response.");
  const std::string_view header = without_prefix(response ? source.substr(9) : source, "header.");
  if (!is_token(header)) return complain(fmt::format("`{}` is no cost", text), std::string(kUsage));
  std::string_view rest = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (!rest.starts_with("max "))
    return complain("a cost that a header tells needs a bound", fmt::format("Write `{} max 10`", source));
  rest.remove_prefix(4);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  const auto most = parse_units(rest);
  if (!most) return std::unexpected(most.error());
  return LimitCost{response ? LimitCost::From::response_header : LimitCost::From::request_header, *most,
                   lower_case(header)};
}

std::string show_limit_cost(const LimitCost& cost) {
  if (cost.from == LimitCost::From::fixed) return fmt::format("{}", cost.units);
  return fmt::format("{}header.{} max {}", cost.from == LimitCost::From::response_header ? "response." : "",
                     cost.header, cost.units);
}

}  // namespace gatehouse::config
