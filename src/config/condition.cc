#include "config/condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "config/kinds.h"
#include "config/path_pattern.h"
#include "config/suggest.h"

namespace gatehouse::config {

namespace {

using Kind = ConditionKey::Kind;

constexpr std::pair<std::string_view, Kind> kPlainKeys[] = {
    {"host", Kind::host}, {"path", Kind::path},         {"method", Kind::method},
    {"ip", Kind::ip},     {"listener", Kind::listener}, {"user", Kind::user}};
constexpr std::pair<std::string_view, Kind> kNamedKeys[] = {
    {"header", Kind::header}, {"query", Kind::query}, {"cookie", Kind::cookie}, {"claim", Kind::claim}};
constexpr std::string_view kCertificateNames[] = {"subject", "san", "sha256"};
constexpr std::string_view kLaterKeys[] = {"class"};
constexpr std::string_view kEveryKey[] = {"host",  "path",   "method", "ip",   "listener", "header",
                                          "query", "cookie", "cert",   "user", "claim"};

constexpr std::pair<std::string_view, Test::Compare> kCompares[] = {
    {">=", Test::Compare::greater_equal}, {"<=", Test::Compare::less_equal}, {"==", Test::Compare::equal},
    {">", Test::Compare::greater},        {"<", Test::Compare::less},        {"=", Test::Compare::equal}};

constexpr std::string_view kMethodNames[] = {"GET",    "HEAD",    "POST",  "PUT",    "PATCH",
                                             "DELETE", "OPTIONS", "TRACE", "CONNECT"};

// A test's text twice: as written, which alone decides what kind of test it is, and with its substitutions.
struct TestText {
  std::string_view shape;
  std::string_view value;
  void drop_front(std::size_t count) {
    shape.remove_prefix(std::min(count, shape.size()));
    value.remove_prefix(std::min(count, value.size()));
  }
  void drop_back() {
    shape.remove_suffix(std::min<std::size_t>(1, shape.size()));
    value.remove_suffix(std::min<std::size_t>(1, value.size()));
  }
};

bool is_version(std::string_view text) {
  std::size_t digits = 0;
  std::size_t parts = 1;
  for (char c : text) {
    if (c >= '0' && c <= '9') {
      if (++digits > 9) return false;
    } else if (c == '.' && digits > 0) {
      digits = 0;
      ++parts;
    } else {
      return false;
    }
  }
  return digits > 0 && parts <= 8;
}

// `>= 5.2`; nothing if the text begins with no comparison.
std::optional<Parsed<Test>> parse_version_test(TestText text) {
  for (const auto& [sign, compare] : kCompares) {
    if (!text.shape.starts_with(sign)) continue;
    TestText version = text;
    version.drop_front(sign.size());
    while (version.shape.starts_with(' ')) version.drop_front(1);
    if (!is_version(version.value)) {
      return complain(fmt::format("`{}` is no version", version.value),
                      fmt::format("Write for example `\"{} 5.2\"`, or `{{is: \"{}\"}}` for the text itself",
                                  sign, text.value));
    }
    Test test;
    test.kind = Test::Kind::version;
    test.text = version.value;
    test.compare = compare;
    return test;
  }
  return std::nullopt;
}

Parsed<Test> parse_text_test(TestText text) {
  Test test;
  if (text.shape == "*") {
    test.kind = Test::Kind::present;
    return test;
  }
  if (text.shape.starts_with('~')) {
    text.drop_front(1);
    if (auto good = check_regex(text.value); !good) return std::unexpected(good.error());
    test.kind = Test::Kind::regex;
    test.text = text.value;
    return test;
  }
  if (auto version = parse_version_test(text)) return *version;
  if (text.shape.ends_with('*')) {
    text.drop_back();
    test.kind = Test::Kind::prefix;
  }
  if (text.shape.find('*') != std::string_view::npos) {
    return complain(fmt::format("`*` stands only at the end of a test, not within `{}`", text.value),
                    "Write a regex such as \"~a.*b\", or `{is: text}` for the text itself");
  }
  test.text = text.value;
  return test;
}

// Reads the tests of one key.
class KeyReader {
 public:
  KeyReader(Reader& reader, const Node& key, Condition& condition)
      : reader_(reader), key_(key), condition_(condition) {}

  bool read(const Node& node) {
    if (node.is_null()) {
      reader_.error(key_, fmt::format("`{}` has no test", key_.value), "Write \"*\" for: there at all");
      return false;
    }
    if (node.is_scalar() && !node.whole && node.shown().starts_with("not ")) return read_not(node);
    if (!node.is_list()) return read_one(node);
    if (node.items.empty()) {
      reader_.error(node, fmt::format("`{}` has an empty list, so it would never match", key_.value));
      return false;
    }
    bool good = true;
    for (const Node& item : node.items) good = read_item(item) && good;
    return good;
  }

 private:
  bool refuse(const Node& node, const Complaint& complaint) {
    reader_.refuse(node, key_.value, "a test that fits", complaint);
    return false;
  }

  bool read_item(const Node& item) {
    if (item.is_scalar() && !item.whole && item.shown().starts_with("not ")) {
      return refuse(item, {"`not` negates a whole test, so it cannot stand in a list",
                           "Write \"not [a, b]\" for: none of them"});
    }
    if (item.is_list() || item.is_null())
      return refuse(item, {"a list of tests holds texts", "Write `[a, b]`"});
    return read_one(item);
  }

  // `not x`, `not [a, b]`.
  bool read_not(const Node& node) {
    condition_.negate = true;
    TestText text{node.shown(), node.value};
    text.drop_front(4);
    while (text.shape.starts_with(' ')) text.drop_front(1);
    if (text.shape.empty())
      return refuse(node, {"`not` without a test", "Write for example `not *` for: absent"});
    if (text.shape.starts_with("not ")) return refuse(node, {"`not not`", "Write it once, or not at all"});
    if (!text.shape.starts_with('[')) return read_text(node, text);
    if (!text.shape.ends_with(']') || node.substituted)
      return refuse(node,
                    {"a list after `not` is not closed, or holds a substitution", "Write \"not [a, b]\""});
    std::string_view rest = text.value.substr(1, text.value.size() - 2);
    bool good = true;
    while (good) {
      const std::size_t comma = rest.find(',');
      std::string_view item = rest.substr(0, comma);
      item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
      while (item.ends_with(' ')) item.remove_suffix(1);
      if (item.empty()) return refuse(node, {"a list after `not` has an empty item", "Write \"not [a, b]\""});
      good = read_text(node, {item, item});
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
    return good;
  }

  // A scalar or `{is: text}`.
  bool read_one(const Node& node) {
    if (!node.is_map()) {
      if (node.whole && condition_.key.kind != Kind::path && condition_.key.kind != Kind::host &&
          condition_.key.kind != Kind::ip) {
        return add_literal(node);
      }
      return read_text(node, {node.shown(), node.value});
    }
    const Node* literal = node.find("is");
    if (literal == nullptr || node.members.size() != 1 || !literal->is_scalar()) {
      return refuse(node, {"a map as a test is `{is: text}`", "Write a text, a list, or `{is: text}`"});
    }
    if (condition_.key.kind == Kind::path || condition_.key.kind == Kind::host ||
        condition_.key.kind == Kind::ip) {
      return refuse(*literal,
                    {fmt::format("`{}` takes no `{{is: ...}}`", key_.value), "Write the value itself"});
    }
    return add_literal(*literal);
  }

  bool add_literal(const Node& node) {
    if (condition_.key.kind == Kind::method && !method_is_written_out(reader_, node)) return false;
    Test test;
    test.text = node.value;
    if (node.substituted) test.shown = node.shown();
    condition_.any_of.push_back(std::move(test));
    if (condition_.key.kind == Kind::listener)
      reader_.refer(node, Reference::To::listener, node.value, {}, node.shown());
    return true;
  }

  bool read_text(const Node& node, TestText text) {
    switch (condition_.key.kind) {
      case Kind::path: return add_path(node, text);
      case Kind::host: return add_host(node, text);
      case Kind::method:
        if (!method_is_written_out(reader_, node)) return false;
        break;
      case Kind::ip: return add_cidr(node, text);
      default: break;
    }
    auto test = parse_text_test(text);
    if (!test) return refuse(node, test.error());
    if (condition_.key.kind == Kind::method && !fits_method(node, *test)) return false;
    if (condition_.key.kind == Kind::listener && test->kind == Test::Kind::exact) {
      reader_.refer(node, Reference::To::listener, test->text, {}, std::string(text.shape));
    }
    if (node.substituted) test->shown = text.shape;
    condition_.any_of.push_back(std::move(*test));
    return true;
  }

  bool add_path(const Node& node, TestText text) {
    auto path = parse_path_pattern(text.value);
    if (!path) return refuse(node, path.error());
    path->text = text.shape;
    condition_.paths.push_back(std::move(*path));
    return true;
  }

  bool add_host(const Node& node, TestText text) {
    auto host = parse_host_pattern(text.value);
    if (!host) return refuse(node, host.error());
    if (node.substituted) host->shown = text.shape;
    condition_.hosts.push_back(std::move(*host));
    return true;
  }

  bool add_cidr(const Node& node, TestText text) {
    const auto cidr = parse_cidr(text.value);
    if (!cidr) return refuse(node, cidr.error());
    Test test;
    test.kind = Test::Kind::cidr;
    test.cidr = *cidr;
    if (node.substituted) test.shown = text.shape;
    condition_.any_of.push_back(std::move(test));
    return true;
  }

  bool fits_method(const Node& node, const Test& test) {
    if (test.kind != Test::Kind::exact) return true;
    std::string upper = test.text;
    std::ranges::transform(upper, upper.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    if (upper == test.text ||
        std::ranges::find(kMethodNames, std::string_view(upper)) == std::end(kMethodNames))
      return true;
    return refuse(node, {fmt::format("`{}` would never match, because methods are case-sensitive", test.text),
                         fmt::format("Write `{}`", upper)});
  }

  Reader& reader_;
  const Node& key_;
  Condition& condition_;
};

void unknown_key(Reader& reader, const Node& key) {
  std::string_view first = std::string_view(key.value).substr(0, key.value.find('.'));
  for (std::string_view later : kLaterKeys) {
    if (first != later) continue;
    reader.error(key, fmt::format("a condition on `{}` is not available in this version", later),
                 "Remove it");
    return;
  }
  std::string hint;
  for (const auto& [prefix, kind] : kNamedKeys) {
    if (key.value == prefix)
      hint = fmt::format("Write `{0}.NAME`, for example `{0}.{1}`", prefix,
                         kind == Kind::claim ? "scope" : "x-beta");
    if (key.value == fmt::format("{}s", prefix)) hint = fmt::format("Write `{}.NAME: test`", prefix);
  }
  if (hint.empty()) hint = did_you_mean(first, kEveryKey);
  if (hint.empty())
    hint = fmt::format("Known are `{0}`; for a header write `header.{1}`, for a claim `claim.{1}`",
                       fmt::join(kEveryKey, "`, `"), is_token(key.value) ? key.value : "NAME");
  reader.error(key, fmt::format("unknown condition `{}`", key.value), std::move(hint));
}

std::optional<ConditionKey> read_key(Reader& reader, const Node& key) {
  for (const auto& [name, kind] : kPlainKeys) {
    if (key.value == name) return ConditionKey{kind, {}};
  }
  const std::size_t dot = key.value.find('.');
  if (std::string_view(key.value).substr(0, dot) == "cert") {
    const std::string name = dot == std::string::npos ? std::string() : key.value.substr(dot + 1);
    if (std::ranges::find(kCertificateNames, std::string_view(name)) != std::end(kCertificateNames))
      return ConditionKey{Kind::cert, name};
    reader.error(key, fmt::format("`{}` is nothing that a certificate has", key.value),
                 fmt::format("Known are `cert.{}`", fmt::join(kCertificateNames, "`, `cert.")));
    return std::nullopt;
  }
  for (const auto& [prefix, kind] : kNamedKeys) {
    if (dot == std::string::npos || std::string_view(key.value).substr(0, dot) != prefix) continue;
    std::string name = key.value.substr(dot + 1);
    if (kind != Kind::query && kind != Kind::claim && !is_token(name)) {
      reader.error(key, fmt::format("`{}` names no {}", key.value, prefix),
                   fmt::format("Write for example `{}.x-beta`", prefix));
      return std::nullopt;
    }
    if (name.empty()) {
      reader.error(
          key, fmt::format("`{}` names no {}", key.value, prefix),
          fmt::format("Write for example `{}.{}`", prefix, kind == Kind::claim ? "scope" : "version"));
      return std::nullopt;
    }
    return ConditionKey{kind, kind == Kind::header ? lower_case(name) : std::move(name)};
  }
  unknown_key(reader, key);
  return std::nullopt;
}

bool read_set(Reader& reader, const Node& node, When& out, std::string_view what) {
  if (!node.is_map() || node.members.empty()) {
    reader.error(node, fmt::format("`{}` holds no conditions", what),
                 fmt::format("Write a map such as `{{{}}}`, or a list of such maps",
                             what == "when" ? R"(header.x-beta: "true")" : R"(claim.scope: "orders:read")"));
    return false;
  }
  if (!reader.few_enough(node, what)) return false;
  bool good = true;
  ConditionSet set;
  for (const NodeMember& member : node.members) {
    Condition condition;
    condition.at = reader.at(member.key);
    condition.text = scalar_text(member.key.value) + ": " + flow_text(member.value);
    auto key = read_key(reader, member.key);
    if (key) condition.key = std::move(*key);
    good = key && KeyReader(reader, member.key, condition).read(member.value) && good;
    const bool twice =
        std::ranges::any_of(set, [&](const Condition& other) { return other.key == condition.key; });
    if (key && twice) {
      reader.error(member.key, fmt::format("`{}` is tested twice", member.key.value),
                   "Header names are the same in upper and lower case; keep one");
      good = false;
    }
    set.push_back(std::move(condition));
  }
  out.push_back(std::move(set));
  return good;
}

}  // namespace

bool read_when(Reader& reader, const Node& node, When& out, std::string_view what) {
  out.clear();
  if (!node.is_list()) return read_set(reader, node, out, what);
  if (node.items.empty()) {
    reader.error(node, fmt::format("`{}` is an empty list, so it would never match", what),
                 fmt::format("Remove it for: {}", what == "when" ? "always" : "nothing further"));
    return false;
  }
  bool good = true;
  for (const Node& item : node.items) good = read_set(reader, item, out, what) && good;
  return good;
}

}  // namespace gatehouse::config
