#include "config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
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

// ---- rates
// ---------------------------------------------------------------------------------------------------

constexpr std::int64_t kMostOfRate = 1'000'000'000;
constexpr std::pair<std::string_view, Duration> kRateUnits[] = {
    {"s", 1s}, {"min", 1min}, {"h", 1h}, {"d", 24h}};
constexpr std::pair<std::string_view, std::string_view> kForeignRateUnits[] = {
    {"m", "min"},  {"minute", "min"}, {"sec", "s"}, {"second", "s"},
    {"hour", "h"}, {"day", "d"},      {"rps", "s"}, {"ms", "s"}};

std::string_view without_spaces(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// A count of a rate; digits alone.
std::optional<std::uint64_t> parse_count(std::string_view text) {
  const auto number = parse_integer(text);
  if (!number || *number < 1 || *number > kMostOfRate) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

Parsed<Duration> parse_rate_unit(std::string_view count, std::string_view unit) {
  for (const auto& [name, per] : kRateUnits) {
    if (name == unit) return per;
  }
  for (const auto& [theirs, ours] : kForeignRateUnits) {
    if (theirs == unit)
      return complain(fmt::format("`{}` is no unit of a rate", unit),
                      fmt::format("Write `{}/{}`", count, ours));
  }
  return complain(fmt::format("`{}` is no unit of a rate", unit), "Write `/s`, `/min`, `/h` or `/d`");
}

// ---- points in time
// ------------------------------------------------------------------------------------------

// Exactly `digits` digits at the front of `text`, which are taken off.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int number = 0;
  for (char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year < 1970 || *year > 2200) return std::nullopt;  // nanoseconds hold it
  return std::chrono::sys_days(date);
}

// `12:00` or, if it may have them, seconds too.
std::optional<std::chrono::seconds> take_clock(std::string_view& text, bool seconds) {
  const auto hours = take_digits(text, 2);
  if (!hours || *hours > 23 || !take(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  std::chrono::seconds out = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  if (!seconds || !take(text, ':')) return out;
  const auto rest = take_digits(text, 2);
  if (!rest || *rest > 59) return std::nullopt;
  return out + std::chrono::seconds(*rest);
}

// `Z` or `+02:00`: what is to be taken off.
std::optional<std::chrono::seconds> take_zone(std::string_view& text) {
  if (take(text, 'Z')) return std::chrono::seconds(0);
  const bool east = text.starts_with('+');
  if (!east && !text.starts_with('-')) return std::nullopt;
  text.remove_prefix(1);
  const auto offset = take_clock(text, false);
  if (!offset) return std::nullopt;
  return east ? *offset : -*offset;
}

}  // namespace

Parsed<Rate> parse_rate(std::string_view text) {
  constexpr std::string_view kUsage = "Write for example `50/s` or `1000/min burst 50`";
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos)
    return complain(fmt::format("`{}` is no rate", text),
                    parse_count(text) ? fmt::format("Write `{}/s`", text) : std::string(kUsage));
  const std::string_view number = text.substr(0, slash);
  const auto count = parse_count(number);
  if (!count)
    return complain(fmt::format("`{}` is no number from 1 to {}", number, kMostOfRate), std::string(kUsage));
  const std::size_t space = text.find(' ', slash);
  const auto per = parse_rate_unit(
      number, text.substr(slash + 1, space == std::string_view::npos ? space : space - slash - 1));
  if (!per) return std::unexpected(per.error());
  Rate rate{*count, *per, *count};
  const std::string_view rest =
      space == std::string_view::npos ? std::string_view{} : without_spaces(text.substr(space));
  if (rest.empty()) return rate;
  if (rest.starts_with("per ") || rest.find(" per ") != std::string_view::npos)
    return complain("what this rate is counted by cannot be chosen",
                    fmt::format("Write `{}`", without_spaces(text.substr(0, text.find(" per ")))));
  if (!rest.starts_with("burst "))
    return complain(fmt::format("`{}` after the rate", rest), std::string(kUsage));
  const std::string_view most = without_spaces(rest.substr(6));
  const auto burst = parse_count(most);
  if (!burst)
    return complain(fmt::format("the burst `{}` is no number from 1 to {}", most, kMostOfRate),
                    std::string(kUsage));
  rate.burst = *burst;
  return rate;
}

std::string show_rate(const Rate& rate) {
  std::string_view unit = "s";
  for (const auto& [name, per] : kRateUnits) {
    if (per == rate.per) unit = name;
  }
  const std::string text = fmt::format("{}/{}", rate.count, unit);
  return rate.burst == rate.count ? text : fmt::format("{} burst {}", text, rate.burst);
}

Parsed<WallTime> parse_wall_time(std::string_view text) {
  const auto wrong = [&] {
    return complain(fmt::format("`{}` is no point in time", text),
                    "Write for example `2026-12-31` (in UTC) or `2026-12-31T18:00:00+02:00`");
  };
  std::string_view rest = text;
  const auto date = take_date(rest);
  if (!date) return wrong();
  if (rest.empty()) return WallTime(*date);
  if (!take(rest, 'T')) return wrong();
  const auto clock = take_clock(rest, true);
  if (!clock) return wrong();
  if (rest.empty())
    return complain(fmt::format("`{}` has no time zone", text), fmt::format("Write `{}Z` for UTC", text));
  const auto zone = take_zone(rest);
  if (!zone || !rest.empty()) return wrong();
  return WallTime(*date + *clock - *zone);
}

std::string show_wall_time(WallTime time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{days};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time - days).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), seconds / 3600,
                     seconds / 60 % 60, seconds % 60);
}

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
