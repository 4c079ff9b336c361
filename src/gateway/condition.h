// Conditions on a request (configuration rule 3): `when` of routes now; `require`, classes and limits later.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/spec.h"
#include "http/message.h"
#include "http/path.h"
#include "net/tls_info.h"

namespace gatehouse::gateway {

// One value that a step found out about the request after its head was read: key `user` or `claim.NAME`. A
// list is given as several with the same key; a JSON number or boolean as its text.
struct Attribute {
  std::string_view key;
  std::string_view value;
};

// All late attributes. That the object is there means that they are established: what is not in it is absent.
struct Attributes {
  std::span<const Attribute> items;
};

// What a route is chosen by. The views live as long as the exchange.
struct RouteQuery {
  const http::RequestHead* request = nullptr;  // headers and query are read from it
  // Asked for: the request's own, or the one that a preflight announces.
  http::Method method = http::Method::get;
  std::string_view method_text = "GET";
  std::string_view host;                  // lower case, without port
  std::string_view path;                  // normalised; begins with '/'
  std::array<std::uint8_t, 16> client{};  // IPv4 as IPv4-mapped
  std::string_view listener;
  const net::TlsPeer* certificate = nullptr;  // of the client, verified; null = none
  const Attributes* attributes = nullptr;     // null = not established yet
  // A preflight brings neither headers, cookies, certificate nor identity of the request that it announces:
  // whether conditions on them count as met, instead of being asked of the preflight.
  bool unsent_holds = false;
};

enum class Truth : std::uint8_t { no, yes, unknown };  // unknown: a late attribute is not established yet

// What one worker needs to evaluate conditions: RE2 objects of its own (shared ones slow down: 116 -> 250 ns
// at two threads), compiled at first use, and a buffer. Thread: one worker.
class ConditionScratch {
 public:
  ConditionScratch();
  ~ConditionScratch();
  ConditionScratch(ConditionScratch&&) noexcept;
  ConditionScratch& operator=(ConditionScratch&&) noexcept;

  bool full_match(std::uint32_t index, const std::string& expression, std::string_view text);
  // The path as it is matched: each segment without its parameters. A view of `path` or of this object's
  // buffer.
  std::string_view matching_path(std::string_view path);

 private:
  struct Regexes;
  std::unique_ptr<Regexes> regexes_;
  std::string stripped_;
};

// Compiled conditions of a whole snapshot part, side by side in flat arrays. Immutable once built; any
// thread.
class ConditionTable {
 public:
  struct Range {  // conditions that must all hold
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };

  // A regex that does not compile is an error among `diagnostics`. Conditions on late attributes go last, so
  // that identity is asked for only where all else holds.
  Range add(std::span<const config::Condition* const> conditions, config::Diagnostics& diagnostics);

  Truth holds(Range range, const RouteQuery& query, ConditionScratch& scratch) const {
    Truth all = Truth::yes;
    for (std::uint32_t i = range.first; i != range.first + range.count; ++i) {
      Truth one = holds(i, query, scratch);
      if (one == Truth::no) return one;
      if (one == Truth::unknown) all = one;
    }
    return all;
  }
  Truth holds(std::uint32_t index, const RouteQuery& query, ConditionScratch& scratch) const;

  // Calls `each(value)` for every value that the request has for the key of condition `index`: header, query,
  // cookie, method, listener or attribute; until one returns true. Says whether one did.
  template <class F>
  bool any_value(std::uint32_t index, const RouteQuery& query, F each) const;
  bool late(std::uint32_t index) const noexcept { return is_late(conditions_[index].key); }
  bool unsent(std::uint32_t index) const noexcept { return is_unsent(conditions_[index]); }
  // Whether the key has texts: any_value gives them.
  bool by_text(std::uint32_t index) const noexcept {
    Key key = conditions_[index].key;
    return key != Key::host && key != Key::path && key != Key::ip;
  }
  // The index of `condition`, one of those that `range` was added with.
  std::uint32_t find(Range range, const config::Condition& condition) const noexcept;

  // For explain.
  const config::Location& at(std::uint32_t index) const noexcept { return origins_[index].at; }
  const std::string& text(std::uint32_t index) const noexcept { return origins_[index].text; }

 private:
  using Key = config::ConditionKey::Kind;
  struct Test {
    config::Test::Kind kind;
    config::Test::Compare compare;
    std::uint32_t regex = 0;
    std::string_view text;
    config::Cidr cidr;
  };
  struct Compiled {
    Key key;
    bool negate = false;
    http::HeaderId header = http::HeaderId::other;
    bool by_name = true;      // several header names share `header`: the name decides
    std::string_view name;    // of header, query, cookie; `user`, `claim.NAME`
    std::uint32_t first = 0;  // into tests_, hosts_ or paths_
    std::uint32_t count = 0;
  };
  struct PathTest {
    config::PathPattern pattern;
    std::uint32_t regex = 0;
  };
  struct Origin {
    const config::Condition* source;  // compared only, while the table is built
    config::Location at;
    std::string text;
  };

  static bool is_late(Key key) noexcept { return key == Key::user || key == Key::claim; }
  // Whether a preflight is silent about it. Its Origin is the one of the request to come.
  static bool is_unsent(const Compiled& c) noexcept {
    return (c.key == Key::header && c.header != http::HeaderId::origin) || c.key == Key::cookie ||
           c.key == Key::cert || is_late(c.key);
  }
  void add_one(const config::Condition& condition, config::Diagnostics& diagnostics);
  std::uint32_t add_regex(const std::string& expression, const std::string& shown, const config::Location& at,
                          config::Diagnostics& diagnostics);
  bool test_value(const Test& test, std::string_view value, ConditionScratch& scratch) const;
  bool test_values(const Compiled& c, std::uint32_t index, const RouteQuery& query,
                   ConditionScratch& scratch) const;
  bool test_path(const Compiled& c, const RouteQuery& query, ConditionScratch& scratch) const;

  std::vector<Compiled> conditions_;
  std::vector<Test> tests_;
  std::vector<config::HostPattern> hosts_;
  std::vector<PathTest> paths_;
  std::vector<Origin> origins_;       // parallel to conditions_, apart: cold
  std::deque<std::string> texts_;     // what the views above point into; addresses stay
  std::vector<std::string> regexes_;  // expressions; the workers' RE2 objects have the same indexes
};

// ---- pieces of the rules, each in one place
// ---------------------------------------------------------------------

// `example.com.` is `example.com`.
constexpr std::string_view without_root_dot(std::string_view host) noexcept {
  if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
  return host;
}
bool host_matches(const config::HostPattern& pattern, std::string_view host) noexcept;
// Not for a regex. `path` as it came: parameters are passed over here.
bool path_matches(const config::PathPattern& pattern, std::string_view path) noexcept;
// Whether all that `inner` matches is matched by `outer`, as far as their texts tell: never true where it is
// not.
bool covers(const config::PathPattern& outer, const config::PathPattern& inner);
bool cidr_contains(const config::Cidr& cidr, const std::array<std::uint8_t, 16>& address) noexcept;
// Compares dotted numbers, missing parts as 0; what follows the first '-' or '+' of `value` is passed over.
// False if `value` is no version.
bool version_holds(std::string_view value, config::Test::Compare compare, std::string_view wanted) noexcept;

// `is not a regular expression ...`; empty if it is one. `shown`: how it is printed, with its `~`.
std::string regex_error(const std::string& expression, const std::string& shown);

// As the user would write it: `header.x-beta`, `method`.
std::string key_text(const config::ConditionKey& key);
std::string condition_text(const config::Condition& condition);  // `header.x-beta: not [a, b*]`

template <class F>
bool ConditionTable::any_value(std::uint32_t index, const RouteQuery& query, F each) const {
  const Compiled& c = conditions_[index];
  bool found = false;
  auto note = [&](std::string_view value) { found = found || each(value); };
  switch (c.key) {
    case Key::header:
      if (!c.by_name && !query.request->headers.has(c.header)) return false;
      for (const http::Header& h : query.request->headers) {
        if (h.id != c.header) continue;
        if (c.by_name && (h.name.size() != c.name.size() || !http::iequals(h.name, c.name))) continue;
        if (each(h.value)) return true;
      }
      return false;
    case Key::query: http::for_each_query(query.request->query, c.name, note); return found;
    case Key::cookie:
      if (!query.request->headers.has(http::HeaderId::cookie)) return false;
      for (const http::Header& h : query.request->headers)
        if (h.id == http::HeaderId::cookie) http::for_each_cookie(h.value, c.name, note);
      return found;
    case Key::method:  // GET serves HEAD
      note(query.method_text);
      if (query.method == http::Method::head) note("GET");
      return found;
    case Key::listener: note(query.listener); return found;
    case Key::cert:
      if (query.certificate == nullptr) return false;
      if (c.name == "subject") note(query.certificate->subject);
      if (c.name == "sha256") note(query.certificate->sha256);
      if (c.name == "san")
        for (const std::string& n : query.certificate->names) note(n);
      return found;
    case Key::user:
    case Key::claim:
      if (query.attributes == nullptr) return false;
      for (const Attribute& a : query.attributes->items)
        if (a.key == c.name && each(a.value)) return true;
      return false;
    case Key::host:
    case Key::path:
    case Key::ip: return false;  // not told by texts
  }
  return false;
}

}  // namespace gatehouse::gateway
