#include "gateway/condition.h"

#include <algorithm>

#include "gateway/condition_regex.h"

namespace gatehouse::gateway {
namespace {

// Takes the next dotted number off `text`: its digits without leading zeros. No digits left = "0".
std::string_view next_number(std::string_view& text) {
  std::size_t dot = std::min(text.find('.'), text.size());
  std::string_view number = text.substr(0, dot);
  text.remove_prefix(std::min(dot + 1, text.size()));
  number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
  return number;
}

int compare_versions(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    std::string_view x = next_number(a);
    std::string_view y = next_number(b);
    if (x.size() != y.size()) return x.size() < y.size() ? -1 : 1;
    if (int order = x.compare(y); order != 0) return order;
  }
  return 0;
}

bool is_version(std::string_view text) {
  bool digit_before = false;
  for (char c : text) {
    bool digit = c >= '0' && c <= '9';
    if (!digit && (c != '.' || !digit_before)) return false;
    digit_before = digit;
  }
  return digit_before;
}

const char* compare_text(config::Test::Compare compare) {
  switch (compare) {
    case config::Test::Compare::less: return "< ";
    case config::Test::Compare::less_equal: return "<= ";
    case config::Test::Compare::equal: return "== ";
    case config::Test::Compare::greater_equal: return ">= ";
    case config::Test::Compare::greater: return "> ";
  }
  return "";
}

std::string cidr_text(const config::Cidr& cidr) {
  const auto& a = cidr.address;
  std::string text;
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(kMapped.begin(), kMapped.end(), a.begin()) && cidr.bits >= 96) {
    for (std::size_t i = 12; i < 16; ++i) text += (i > 12 ? "." : "") + std::to_string(a[i]);
    return text + "/" + std::to_string(cidr.bits - 96);
  }
  static constexpr char kHex[] = "0123456789abcdef";
  for (std::size_t i = 0; i < 16; i += 2) {
    if (i > 0) text += ':';
    for (std::size_t j = i; j < i + 2; ++j) {
      text += kHex[a[j] >> 4];
      text += kHex[a[j] & 15];
    }
  }
  return text + "/" + std::to_string(cidr.bits);
}

std::string test_text(const config::Test& test) {
  if (!test.shown.empty()) return test.shown;  // a secret prints as its source
  switch (test.kind) {
    case config::Test::Kind::present: return "*";
    case config::Test::Kind::exact: return test.text;
    case config::Test::Kind::prefix: return test.text + "*";
    case config::Test::Kind::regex: return "~" + test.text;
    case config::Test::Kind::version: return compare_text(test.compare) + test.text;
    case config::Test::Kind::cidr: return cidr_text(test.cidr);
  }
  return {};
}

}  // namespace

// ---- pieces of the rules
// ------------------------------------------------------------------------------------------

bool host_matches(const config::HostPattern& pattern, std::string_view host) noexcept {
  host = without_root_dot(host);
  if (pattern.wildcard) return host.size() > pattern.text.size() && host.ends_with(pattern.text);
  return pattern.text.empty() || host == pattern.text;
}

bool path_matches(const config::PathPattern& pattern, std::string_view path) noexcept {
  if (path.empty() || path.front() != '/') return false;
  std::size_t at = 1;  // begin of the next segment; past the end when there is none
  for (const config::PathSegment& wanted : pattern.segments) {
    if (at > path.size()) return false;
    std::size_t end = std::min(path.find('/', at), path.size());
    std::string_view got = http::without_parameters(path.substr(at, end - at));
    if (wanted.kind == config::PathSegment::Kind::parameter ? got.empty() : got != wanted.text) return false;
    at = end + 1;
  }
  if (pattern.below) return true;
  if (at > path.size()) return !pattern.trailing_slash || pattern.segments.empty();
  return path.find('/', at) == path.npos && http::without_parameters(path.substr(at)).empty();
}

bool covers(const config::PathPattern& outer, const config::PathPattern& inner) {
  if (outer == inner) return true;
  if (!outer.regex.empty() || !inner.regex.empty()) return false;
  // `/a/*` holds `/a` itself, and more than `/a/:id`.
  if (inner.below && (!outer.below || outer.segments.size() > inner.segments.size())) return false;
  return path_matches(outer, inner.text);
}

bool cidr_contains(const config::Cidr& cidr, const std::array<std::uint8_t, 16>& address) noexcept {
  std::size_t whole = cidr.bits / 8;
  if (!std::equal(address.begin(), address.begin() + static_cast<std::ptrdiff_t>(whole),
                  cidr.address.begin()))
    return false;
  unsigned rest = cidr.bits % 8;
  return rest == 0 || ((address[whole] ^ cidr.address[whole]) >> (8 - rest)) == 0;
}

bool version_holds(std::string_view value, config::Test::Compare compare, std::string_view wanted) noexcept {
  value = value.substr(0, value.find_first_of("-+"));
  if (!is_version(value)) return false;
  int order = compare_versions(value, wanted);
  switch (compare) {
    case config::Test::Compare::less: return order < 0;
    case config::Test::Compare::less_equal: return order <= 0;
    case config::Test::Compare::equal: return order == 0;
    case config::Test::Compare::greater_equal: return order >= 0;
    case config::Test::Compare::greater: return order > 0;
  }
  return false;
}

std::string regex_error(const std::string& expression, const std::string& shown) {
  RE2 compiled(expression, regex_options());
  if (compiled.ok()) return {};
  // RE2 quotes from the expression, which may be a secret.
  return "is not a regular expression" + (shown == "~" + expression ? ": " + compiled.error() : "");
}

std::string key_text(const config::ConditionKey& key) {
  using Kind = config::ConditionKey::Kind;
  switch (key.kind) {
    case Kind::host: return "host";
    case Kind::path: return "path";
    case Kind::method: return "method";
    case Kind::header: return "header." + key.name;
    case Kind::query: return "query." + key.name;
    case Kind::cookie: return "cookie." + key.name;
    case Kind::ip: return "ip";
    case Kind::listener: return "listener";
    case Kind::cert: return "cert." + key.name;
    case Kind::user: return "user";
    case Kind::claim: return "claim." + key.name;
  }
  return {};
}

std::string condition_text(const config::Condition& condition) {
  std::vector<std::string> tests;
  tests.reserve(condition.any_of.size() + condition.hosts.size() + condition.paths.size());
  for (const config::Test& t : condition.any_of) tests.push_back(test_text(t));
  for (const config::HostPattern& h : condition.hosts) tests.push_back(shown(h));
  for (const config::PathPattern& p : condition.paths) tests.push_back(p.text);
  std::string text = key_text(condition.key) + (condition.negate ? ": not " : ": ");
  if (tests.size() == 1) return text + tests.front();
  text += '[';
  for (std::size_t i = 0; i < tests.size(); ++i) text += (i > 0 ? ", " : "") + tests[i];
  return text + ']';
}

// ---- what a worker holds
// ------------------------------------------------------------------------------------------

struct ConditionScratch::Regexes {
  std::vector<std::unique_ptr<RE2>> compiled;
};

ConditionScratch::ConditionScratch() : regexes_(std::make_unique<Regexes>()) {}
ConditionScratch::~ConditionScratch() = default;
ConditionScratch::ConditionScratch(ConditionScratch&&) noexcept = default;
ConditionScratch& ConditionScratch::operator=(ConditionScratch&&) noexcept = default;

bool ConditionScratch::full_match(std::uint32_t index, const std::string& expression, std::string_view text) {
  auto& compiled = regexes_->compiled;
  if (compiled.size() <= index) compiled.resize(index + 1);
  if (!compiled[index]) compiled[index] = std::make_unique<RE2>(expression, regex_options());
  return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *compiled[index]);
}

std::string_view ConditionScratch::matching_path(std::string_view path) {
  std::size_t at = path.find(';');
  if (at == path.npos) return path;
  stripped_.assign(path.substr(0, at));
  bool skipping = true;
  for (char c : path.substr(at)) {
    if (c == '/') skipping = false;
    if (c == ';') skipping = true;
    if (!skipping) stripped_ += c;
  }
  return stripped_;
}

// ---- compile
// --------------------------------------------------------------------------------------------------------

ConditionTable::Range ConditionTable::add(std::span<const config::Condition* const> conditions,
                                          config::Diagnostics& diagnostics) {
  Range range{static_cast<std::uint32_t>(conditions_.size()), static_cast<std::uint32_t>(conditions.size())};
  for (bool late : {false, true})
    for (const config::Condition* c : conditions)
      if (is_late(c->key.kind) == late) add_one(*c, diagnostics);
  return range;
}

void ConditionTable::add_one(const config::Condition& condition, config::Diagnostics& diagnostics) {
  Compiled c;
  c.key = condition.key.kind;
  c.negate = condition.negate;
  if (is_late(c.key)) {
    c.name = texts_.emplace_back(key_text(condition.key));
  } else if (!condition.key.name.empty()) {
    c.name = texts_.emplace_back(condition.key.name);
  }
  if (c.key == Key::header) {
    c.header = http::header_id(c.name);
    c.by_name = c.header == http::HeaderId::other || c.header == http::HeaderId::x_forwarded_other;
  }
  if (c.key == Key::host) {
    c.first = static_cast<std::uint32_t>(hosts_.size());
    c.count = static_cast<std::uint32_t>(condition.hosts.size());
    hosts_.insert(hosts_.end(), condition.hosts.begin(), condition.hosts.end());
  } else if (c.key == Key::path) {
    c.first = static_cast<std::uint32_t>(paths_.size());
    c.count = static_cast<std::uint32_t>(condition.paths.size());
    for (const config::PathPattern& p : condition.paths)
      paths_.push_back({p, p.regex.empty() ? 0 : add_regex(p.regex, p.text, condition.at, diagnostics)});
  } else {
    c.first = static_cast<std::uint32_t>(tests_.size());
    c.count = static_cast<std::uint32_t>(condition.any_of.size());
    for (const config::Test& t : condition.any_of) {
      Test test{t.kind, t.compare, 0, {}, t.cidr};
      if (t.kind == config::Test::Kind::regex) {
        test.regex = add_regex(t.text, test_text(t), condition.at, diagnostics);
      } else if (!t.text.empty()) {
        test.text = texts_.emplace_back(t.text);
      }
      tests_.push_back(test);
    }
  }
  conditions_.push_back(c);
  origins_.push_back({&condition, condition.at, condition_text(condition)});
}

std::uint32_t ConditionTable::find(Range range, const config::Condition& condition) const noexcept {
  std::uint32_t i = range.first;
  while (origins_[i].source != &condition) ++i;
  return i;
}

std::uint32_t ConditionTable::add_regex(const std::string& expression, const std::string& shown,
                                        const config::Location& at, config::Diagnostics& diagnostics) {
  if (std::string wrong = regex_error(expression, shown); !wrong.empty())
    diagnostics.push_back({config::Diagnostic::Level::error, at, "`" + shown + "` " + wrong,
                           "The syntax is RE2's; the whole value must match."});
  regexes_.push_back(expression);
  return static_cast<std::uint32_t>(regexes_.size() - 1);
}

// ---- evaluate
// -------------------------------------------------------------------------------------------------------

Truth ConditionTable::holds(std::uint32_t index, const RouteQuery& query, ConditionScratch& scratch) const {
  const Compiled& c = conditions_[index];
  if (query.unsent_holds && is_unsent(c)) return Truth::yes;
  bool any = false;
  switch (c.key) {
    case Key::host:
      for (std::uint32_t i = c.first; !any && i != c.first + c.count; ++i)
        any = host_matches(hosts_[i], query.host);
      break;
    case Key::path: any = test_path(c, query, scratch); break;
    case Key::ip:
      for (std::uint32_t i = c.first; !any && i != c.first + c.count; ++i)
        any = tests_[i].kind == config::Test::Kind::present || cidr_contains(tests_[i].cidr, query.client);
      break;
    case Key::user:
    case Key::claim:
      if (query.attributes == nullptr) return Truth::unknown;
      [[fallthrough]];
    default: any = test_values(c, index, query, scratch);
  }
  return any != c.negate ? Truth::yes : Truth::no;
}

bool ConditionTable::test_values(const Compiled& c, std::uint32_t index, const RouteQuery& query,
                                 ConditionScratch& scratch) const {
  std::span tests(tests_.data() + c.first, c.count);
  return any_value(index, query, [&](std::string_view value) {
    return std::ranges::any_of(tests, [&](const Test& t) { return test_value(t, value, scratch); });
  });
}

bool ConditionTable::test_value(const Test& test, std::string_view value, ConditionScratch& scratch) const {
  switch (test.kind) {
    case config::Test::Kind::present: return true;
    case config::Test::Kind::exact: return value == test.text;
    case config::Test::Kind::prefix: return value.starts_with(test.text);
    case config::Test::Kind::regex: return scratch.full_match(test.regex, regexes_[test.regex], value);
    case config::Test::Kind::version: return version_holds(value, test.compare, test.text);
    case config::Test::Kind::cidr: return false;  // the loader lets it stand at `ip` alone
  }
  return false;
}

bool ConditionTable::test_path(const Compiled& c, const RouteQuery& query, ConditionScratch& scratch) const {
  for (std::uint32_t i = c.first; i != c.first + c.count; ++i) {
    const PathTest& t = paths_[i];
    bool matches = t.pattern.regex.empty()
                       ? path_matches(t.pattern, query.path)
                       : scratch.full_match(t.regex, regexes_[t.regex], scratch.matching_path(query.path));
    if (matches) return true;
  }
  return false;
}

}  // namespace gatehouse::gateway
