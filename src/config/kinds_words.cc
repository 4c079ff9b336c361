// Kinds whose values are words of a fixed list.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "config/kinds.h"
#include "config/suggest.h"

namespace gatehouse::config {

namespace {

// In the order of the log; fixed, because others read it.
constexpr std::string_view kLogFieldNames[] = {
    "time",      "method",     "host",       "path",     "query",       "protocol",
    "route",     "service",    "endpoint",   "version",  "status",      "reason",
    "total",     "own",        "first_byte", "upstream", "bytes_in",    "bytes_out",
    "tries",     "request_id", "trace_id",   "client",   "user",        "limit",
    "limit_key", "tls",        "tls_cipher", "tls_sni",  "tls_resumed", "tls_client"};
constexpr std::string_view kKeepWords[] = {"errors", "slow"};
constexpr std::string_view kFormatWords[] = {"json"};
constexpr std::string_view kBalanceWords[] = {"p2c", "least", "round"};  // in the order of Balance
constexpr std::string_view kSlashWords[] = {"refuse", "keep"};
constexpr std::string_view kMethodNames[] = {"GET",    "HEAD",    "POST",  "PUT",    "PATCH",
                                             "DELETE", "OPTIONS", "TRACE", "CONNECT"};

constexpr std::pair<std::string_view, RetryOn> kRetryWords[] = {
    {"connect", RetryOn::connect}, {"reset", RetryOn::reset},    {"timeout", RetryOn::timeout},
    {"502", RetryOn::status_502},  {"503", RetryOn::status_503}, {"504", RetryOn::status_504}};
constexpr std::array kRetryNames = [] {
  std::array<std::string_view, std::size(kRetryWords)> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kRetryWords[i].first;
  return names;
}();

// Parts of the language that come later, told apart from slips.
constexpr std::string_view kLaterWords[] = {"ring", "otlp", "text"};

std::string choices(std::span<const std::string_view> words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    out += fmt::format("{}`{}`", i == 0 ? "" : i + 1 == words.size() ? " or " : ", ", words[i]);
  }
  return out;
}

// The position of the node's text in `words`; reported if it is none.
std::optional<std::size_t> word_of(Reader& reader, const Node& node, const Field& field,
                                   std::span<const std::string_view> words) {
  const auto found = std::ranges::find(words, std::string_view(node.value));
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  const std::string_view first = std::string_view(node.value).substr(0, node.value.find(':'));
  if (std::ranges::find(kLaterWords, first) != std::end(kLaterWords)) {
    reader.refuse(node, field.name, field.kind->expects,
                  {fmt::format("`{}` is not available in this version", first),
                   fmt::format("Write {}", choices(words))});
    return std::nullopt;
  }
  std::string hint = did_you_mean(node.value, words);
  if (hint.empty()) hint = fmt::format("Write {}", choices(words));
  reader.refuse(node, field.name, field.kind->expects,
                {fmt::format("`{}` is not known here", node.value), std::move(hint)});
  return std::nullopt;
}

template <const auto& Words>
bool read_words(Reader& reader, const Node& node, const Field& field, std::vector<std::string>& out) {
  out.clear();
  return each_item(reader, node, field, [&](const Node& item) {
    const auto index = word_of(reader, item, field, Words);
    if (!index) return false;
    if (std::ranges::find(out, Words[*index]) == out.end()) out.emplace_back(Words[*index]);
    return true;
  });
}

std::optional<std::string> show_words(const Field&, const std::vector<std::string>& value) {
  return show_list(value);
}

template <const auto& Words>
bool read_word(Reader& reader, const Node& node, const Field& field, std::string& out) {
  if (!is_one_value(reader, node, field)) return false;
  const auto index = word_of(reader, node, field, Words);
  if (index) out = Words[*index];
  return index.has_value();
}

std::optional<std::string> show_word(const Field&, const std::string& value) { return quoted_text(value); }

bool read_log_target(Reader& reader, const Node& node, const Field& field, Secret& out) {
  if (!is_one_value(reader, node, field)) return false;
  if (const std::size_t mark = node.value.find("://"); mark != std::string::npos) {
    reader.refuse(
        node, field.name, field.kind->expects,
        {fmt::format("a log to `{}://` is not available in this version", node.value.substr(0, mark)),
         "Write `stdout` or the path of a file"});
    return false;
  }
  if (node.value != "stdout" && node.value.find('/') == std::string::npos) {
    reader.refuse(node, field.name, field.kind->expects,
                  {fmt::format("`{}` is neither `stdout` nor a path", node.value),
                   fmt::format("Write `stdout`, or a path such as `./{}`",
                               node.value.empty() ? "access.log" : node.value)});
    return false;
  }
  out = Secret(node.value, node.shown(), node.substituted);
  return true;
}

bool read_retry_on(Reader& reader, const Node& node, const Field& field, std::uint8_t& out) {
  out = 0;
  return each_item(reader, node, field, [&](const Node& item) {
    const auto index = word_of(reader, item, field, kRetryNames);
    if (index) out = static_cast<std::uint8_t>(out | static_cast<std::uint8_t>(kRetryWords[*index].second));
    return index.has_value();
  });
}

std::optional<std::string> show_retry_on(const Field&, const std::uint8_t& value) {
  std::vector<std::string> items;
  for (const auto& [name, bit] : kRetryWords) {
    if ((value & static_cast<std::uint8_t>(bit)) != 0) items.emplace_back(name);
  }
  return fmt::format("[{}]", fmt::join(items, ", "));
}

bool read_balance(Reader& reader, const Node& node, const Field& field, Balance& out) {
  if (!is_one_value(reader, node, field)) return false;
  const auto index = word_of(reader, node, field, kBalanceWords);
  if (index) out = static_cast<Balance>(*index);
  return index.has_value();
}

bool read_encoded_slash(Reader& reader, const Node& node, const Field& field, bool& out) {
  if (!is_one_value(reader, node, field)) return false;
  const auto index = word_of(reader, node, field, kSlashWords);
  if (index) out = *index == 1;
  return index.has_value();
}

bool read_methods(Reader& reader, const Node& node, const Field& field, std::vector<std::string>& out) {
  out.clear();
  return each_item(reader, node, field, [&](const Node& item) {
    if (!method_is_written_out(reader, item)) return false;
    std::string upper = item.value;
    std::ranges::transform(upper, upper.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    if (!is_token(item.value)) {
      reader.refuse(item, field.name, field.kind->expects,
                    {fmt::format("`{}` is no method", item.value), "Write for example `GET`"});
      return false;
    }
    if (upper != item.value &&
        std::ranges::find(kMethodNames, std::string_view(upper)) != std::end(kMethodNames)) {
      reader.refuse(item, field.name, field.kind->expects,
                    {fmt::format("`{}` would never match, because methods are case-sensitive", item.value),
                     fmt::format("Write `{}`", upper)});
      return false;
    }
    if (std::ranges::find(out, item.value) == out.end()) out.push_back(item.value);
    return true;
  });
}

}  // namespace

constinit const ValueKind<Secret> kLogTarget{
    {"log target", "`stdout` or the path of a file", R"({"type": "string"})", true},
    read_log_target,
    show_secret};
constinit const ValueKind<std::string> kLogFormat{
    {"log format", "`json`", R"({"enum": ["json"]})"}, read_word<kFormatWords>, show_word};
constinit const ValueKind<std::vector<std::string>> kLogFields{
    {"log fields", "a list of fields, such as `[time, status, path]`",
     R"({"type": "array", "items": {"enum": ["time", "method", "host", "path", "query", "protocol", "route", "service", "endpoint", "version", "status", "reason", "total", "own", "first_byte", "upstream", "bytes_in", "bytes_out", "tries", "request_id", "trace_id", "client", "user", "tls", "tls_cipher", "tls_sni", "tls_resumed", "tls_client"]}})"},
    read_words<kLogFieldNames>,
    show_words};
constinit const ValueKind<std::vector<std::string>> kLogKeep{
    {"log keep", "a list of `errors` and `slow`",
     R"({"anyOf": [{"enum": ["errors", "slow"]}, {"type": "array", "items": {"enum": ["errors", "slow"]}}]})"},
    read_words<kKeepWords>,
    show_words};
constinit const ValueKind<std::uint8_t> kRetryOn{
    {"failures", "a list of `connect`, `reset`, `timeout`, `502`, `503` and `504`",
     R"({"type": "array", "items": {"enum": ["connect", "reset", "timeout", 502, 503, 504, "502", "503", "504"]}})"},
    read_retry_on,
    show_retry_on};
constinit const ValueKind<Balance> kBalance{
    {"balance", "`p2c`, `least` or `round`", R"({"enum": ["p2c", "least", "round"]})"},
    read_balance,
    [](const Field&, const Balance& value) -> std::optional<std::string> {
      return std::string(kBalanceWords[static_cast<std::size_t>(value)]);
    }};
constinit const ValueKind<bool> kEncodedSlash{
    {"encoded slash", "`refuse` or `keep`", R"({"enum": ["refuse", "keep"]})"},
    read_encoded_slash,
    [](const Field&, const bool& value) -> std::optional<std::string> {
      return std::string(kSlashWords[value ? 1 : 0]);
    }};
constinit const ValueKind<std::vector<std::string>> kMethods{
    {"methods", "a method, such as `GET`, or a list of them",
     R"({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})"},
    read_methods,
    show_words};

}  // namespace gatehouse::config
