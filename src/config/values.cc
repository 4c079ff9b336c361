#include "config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>
#include <system_error>

namespace gatehouse::config {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t size;
};

constexpr Unit kDurationUnits[] = {{"d", 86'400'000'000'000},
                                   {"h", 3'600'000'000'000},
                                   {"m", 60'000'000'000},
                                   {"s", 1'000'000'000},
                                   {"ms", 1'000'000}};
constexpr Unit kSizeUnits[] = {{"GB", 1ULL << 30}, {"MB", 1ULL << 20}, {"KB", 1ULL << 10}, {"B", 1}};

// How others write our units.
constexpr std::pair<std::string_view, std::string_view> kForeignUnits[] = {
    {"sec", "s"},    {"secs", "s"},    {"second", "s"}, {"seconds", "s"}, {"min", "m"},  {"mins", "m"},
    {"minute", "m"}, {"minutes", "m"}, {"hour", "h"},   {"hours", "h"},   {"day", "d"},  {"days", "d"},
    {"msec", "ms"},  {"kb", "KB"},     {"k", "KB"},     {"kib", "KB"},    {"mb", "MB"},  {"mib", "MB"},
    {"gb", "GB"},    {"g", "GB"},      {"gib", "GB"},   {"b", "B"},       {"bytes", "B"}};

std::string_view own_unit(std::string_view foreign, std::span<const Unit> units) {
  const std::string lower = lower_case(foreign);
  for (const Unit& unit : units) {
    if (lower_case(unit.name) == lower) return unit.name;
  }
  for (const auto& [theirs, ours] : kForeignUnits) {
    if (theirs != lower) continue;
    if (std::ranges::any_of(units, [&](const Unit& unit) { return unit.name == ours; })) return ours;
  }
  return {};
}

// A whole number and one of `units`. `sample` shows two right spellings.
Parsed<std::uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units,
                                      std::string_view what, std::string_view sample) {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::string usage = fmt::format("Write for example `{}`", sample);
  if (failure == std::errc::result_out_of_range) return complain(fmt::format("`{}` is too large", text));
  if (failure != std::errc()) return complain(fmt::format("`{}` is no {}", text, what), usage);
  const auto trimmed = unit.substr(std::min(unit.find_first_not_of(' '), unit.size()));
  for (const Unit& known : units) {
    if (known.name != unit) continue;
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / known.size) {
      return complain(fmt::format("`{}` is too large", text));
    }
    return number * known.size;
  }
  if (unit.empty()) {
    return complain(fmt::format("`{}` has no unit", text),
                    fmt::format("Write a {} with its unit, such as `{}`", what, sample));
  }
  if (const std::string_view ours = own_unit(trimmed, units); !ours.empty()) {
    return complain(fmt::format("`{}` is no {}", text, what), fmt::format("Write `{}{}`", number, ours));
  }
  return complain(fmt::format("`{}` is no {}", text, what),
                  unit.front() == '.'
                      ? fmt::format("Write a whole number in a smaller unit, such as `{}`", sample)
                      : usage);
}

std::string show_with_unit(std::uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value >= unit.size && value % unit.size == 0)
      return fmt::format("{}{}", value / unit.size, unit.name);
  }
  return fmt::format("{}{}", value, units.back().name);
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Parsed<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc::result_out_of_range) return complain(fmt::format("`{}` is too large", text));
  if (failure != std::errc() || end != text.data() + text.size()) {
    return complain(fmt::format("`{}` is no whole number", text));
  }
  return number;
}

Parsed<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration{0};
  const auto nanoseconds = parse_with_unit(text, kDurationUnits, "duration", "300ms`, `10s`, `5m` or `1h");
  if (!nanoseconds) {
    if (const auto number = parse_integer(text); number && *number >= 0) {
      return complain(nanoseconds.error().message, fmt::format("Write `{0}s` or `{0}ms`", *number));
    }
    return std::unexpected(nanoseconds.error());
  }
  return Duration{static_cast<std::int64_t>(*nanoseconds)};
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
  if (text == "0") return std::uint64_t{0};
  return parse_with_unit(text, kSizeUnits, "size", "64KB` or `2MB");
}

Parsed<double> parse_percent(std::string_view text) {
  double number = 0;
  const auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (failure != std::errc() || !std::isfinite(number))
    return complain(fmt::format("`{}` is no percentage", text), "Write for example `5%`");
  if (rest.empty())
    return complain(fmt::format("`{}` has no percent sign", text), fmt::format("Write `{}%`", text));
  if (rest != "%") return complain(fmt::format("`{}` is no percentage", text), "Write for example `5%`");
  if (number < 0 || number > 100) return complain(fmt::format("`{}` is not between 0% and 100%", text));
  return number;
}

Parsed<bool> parse_switch(std::string_view text) {
  if (text == "on" || text == "true") return true;
  if (text == "off" || text == "false") return false;
  const std::string lower = lower_case(text);
  if (lower == "yes" || lower == "on" || lower == "true" || lower == "1")
    return complain(fmt::format("`{}` is not `on` or `off`", text), "Write `on`");
  if (lower == "no" || lower == "off" || lower == "false" || lower == "0")
    return complain(fmt::format("`{}` is not `on` or `off`", text), "Write `off`");
  return complain(fmt::format("`{}` is not `on` or `off`", text));
}

std::string show_duration(Duration duration) {
  if (duration.count() <= 0) return "0s";
  const auto nanoseconds = static_cast<std::uint64_t>(duration.count());
  if (nanoseconds % 1'000'000 != 0)
    return show_with_unit((nanoseconds + 999'999) / 1'000'000 * 1'000'000, kDurationUnits);
  return show_with_unit(nanoseconds, kDurationUnits);
}

std::string show_size(std::uint64_t bytes) { return show_with_unit(bytes, kSizeUnits); }

std::string show_percent(double percent) { return fmt::format("{:.10g}%", percent); }

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_name(std::string_view text, bool dots) noexcept {
  return !text.empty() && text.size() <= 100 && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || (dots && c == '.');
  });
}

}  // namespace gatehouse::config
