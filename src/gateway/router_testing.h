// Routes and requests from short texts, for the router's tests, benches and fuzz target. The loader's own
// reading of files is tested in config/.
#pragma once

#include <deque>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/block.h"
#include "gateway/router.h"

namespace gatehouse::gateway::testing {

inline std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t end = 0; end != text.npos; text.remove_prefix(end == text.npos ? 0 : end + 1)) {
    end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
  }
  return parts;
}

inline config::PathPattern path_pattern(std::string_view text) {
  config::PathPattern p;
  p.text = text;
  if (text.starts_with('~')) {
    p.regex = text.substr(1);
    return p;
  }
  std::vector<std::string> parts = split(text.substr(1), '/');
  if (parts.back() == "*") {
    p.below = true;
    parts.pop_back();
  } else if (parts.back().empty()) {
    p.trailing_slash = true;
    parts.pop_back();
  }
  for (const std::string& s : parts) {
    bool parameter = s.starts_with(':');
    p.segments.push_back(
        {parameter ? config::PathSegment::Kind::parameter : config::PathSegment::Kind::literal,
         s.substr(parameter ? 1 : 0)});
  }
  return p;
}

inline config::Rewrite rewrite(std::string_view text) {
  config::PathPattern p = path_pattern(text);
  return {p.text, p.segments, p.below, p.trailing_slash};
}

inline config::HostPattern host_pattern(std::string_view text) {
  if (text.starts_with("*.")) return {std::string(text.substr(1)), true};
  return {text == "*" ? std::string{} : std::string(text), false};
}

// "10.1.0.0/16"
inline config::Cidr cidr(std::string_view text) {
  config::Cidr c;
  c.address[10] = c.address[11] = 0xff;
  std::vector<std::string> parts = split(text.substr(0, text.find('/')), '.');
  for (std::size_t i = 0; i < 4; ++i) c.address[12 + i] = static_cast<std::uint8_t>(std::stoi(parts[i]));
  std::size_t slash = text.find('/');
  c.bits = static_cast<std::uint8_t>(
      slash == text.npos ? 128 : 96 + std::stoi(std::string(text.substr(slash + 1))));
  return c;
}

inline config::Test value_test(std::string_view text) {
  using Kind = config::Test::Kind;
  using Compare = config::Test::Compare;
  config::Test t;
  if (text == "*") {
    t.kind = Kind::present;
  } else if (text.starts_with('~')) {
    t.kind = Kind::regex;
    t.text = text.substr(1);
  } else if (text.starts_with(">= ") || text.starts_with("<= ") || text.starts_with("== ")) {
    t.kind = Kind::version;
    t.compare = text[0] == '>'   ? Compare::greater_equal
                : text[0] == '<' ? Compare::less_equal
                                 : Compare::equal;
    t.text = text.substr(3);
  } else if (text.starts_with("> ") || text.starts_with("< ")) {
    t.kind = Kind::version;
    t.compare = text[0] == '>' ? Compare::greater : Compare::less;
    t.text = text.substr(2);
  } else if (text.ends_with('*')) {
    t.kind = Kind::prefix;
    t.text = text.substr(0, text.size() - 1);
  } else {
    t.text = text;
  }
  return t;
}

// "header.x-beta: not a|b*|~re", "ip: 10.0.0.0/8", "method: GET"
inline config::Condition condition(std::string_view text) {
  using Kind = config::ConditionKey::Kind;
  static constexpr std::pair<std::string_view, Kind> kKinds[] = {
      {"host", Kind::host},     {"path", Kind::path},         {"method", Kind::method},
      {"header", Kind::header}, {"query", Kind::query},       {"cookie", Kind::cookie},
      {"ip", Kind::ip},         {"listener", Kind::listener}, {"user", Kind::user},
      {"claim", Kind::claim}};
  config::Condition c;
  std::string_view key = text.substr(0, text.find(": "));
  std::string_view tests = text.substr(key.size() + 2);
  for (auto [name, kind] : kKinds)
    if (key.substr(0, key.find('.')) == name) c.key.kind = kind;
  if (std::size_t dot = key.find('.'); dot != key.npos) c.key.name = key.substr(dot + 1);
  if (tests.starts_with("not ")) {
    c.negate = true;
    tests.remove_prefix(4);
  }
  for (const std::string& t : split(tests, '|')) {
    if (c.key.kind == Kind::host) {
      c.hosts.push_back(host_pattern(t));
    } else if (c.key.kind == Kind::path) {
      c.paths.push_back(path_pattern(t));
    } else if (c.key.kind == Kind::ip && t != "*") {
      c.any_of.push_back({config::Test::Kind::cidr, {}, {}, cidr(t)});
    } else {
      c.any_of.push_back(value_test(t));
    }
  }
  return c;
}

struct RouteText {
  std::string_view path = {};     // several by spaces; empty = any
  std::string_view host = {};     // likewise
  std::string_view methods = {};  // likewise
  std::vector<std::vector<std::string_view>> when = {};
  std::int64_t priority = 0;
};

inline config::RouteSpec route(const RouteText& text, std::size_t index) {
  config::RouteSpec r;
  r.name = "r" + std::to_string(index);
  r.at = {"gatehouse.yaml", static_cast<std::uint32_t>(index + 1), 5};
  r.priority = text.priority;
  if (!text.path.empty())
    for (const std::string& p : split(text.path, ' ')) r.paths.push_back(path_pattern(p));
  if (!text.host.empty())
    for (const std::string& h : split(text.host, ' ')) r.hosts.push_back(host_pattern(h));
  if (!text.methods.empty()) r.methods = split(text.methods, ' ');
  for (const auto& set : text.when) {
    auto& out = r.when.emplace_back();
    for (std::string_view c : set) {
      out.push_back(condition(c));
      out.back().at = {"gatehouse.yaml", static_cast<std::uint32_t>(index + 1), 40};
    }
  }
  return r;
}

inline config::Spec spec_of(std::initializer_list<RouteText> routes) {
  config::Spec spec;
  for (const RouteText& r : routes) spec.routes.push_back(route(r, spec.routes.size()));
  return spec;
}

// A request with the memory that it needs.
class Request {
 public:
  explicit Request(std::string_view method = "GET", std::string_view url = "/",
                   std::string_view host = "a.example") {
    head_.method_text = keep(method);
    head_.method = http::method_of(method);
    std::string_view kept = keep(url);
    head_.path = kept.substr(0, kept.find('?'));
    head_.query = kept.substr(head_.path.size());
    head_.host = keep(host);
    query_.request = &head_;
    query_.method = head_.method;
    query_.method_text = head_.method_text;
    query_.path = head_.path;
    query_.host = head_.host;
    query_.listener = "public";
  }
  Request& header(std::string_view name, std::string_view value) {
    head_.headers.add(keep(name), keep(value));
    return *this;
  }
  Request& from(std::string_view address) {
    query_.client = cidr(address).address;
    return *this;
  }
  Request& listener(std::string_view name) {
    query_.listener = keep(name);
    return *this;
  }
  Request& attribute(std::string_view key, std::string_view value) {
    values_.push_back({keep(key), keep(value)});
    return identified();
  }
  Request& identified() {
    attributes_.items = values_;
    query_.attributes = &attributes_;
    return *this;
  }
  const RouteQuery& query() const { return query_; }
  Arena& arena() { return arena_; }

 private:
  std::string_view keep(std::string_view text) { return texts_.emplace_back(text); }

  BlockPool pool_;
  Arena arena_{pool_};
  std::deque<std::string> texts_;
  http::RequestHead head_{arena_};
  std::vector<Attribute> values_;
  Attributes attributes_;
  RouteQuery query_;
};

}  // namespace gatehouse::gateway::testing
