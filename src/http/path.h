// Paths, normalised once before anything looks at them (configuration rule 4), and the splitting of targets.
// Pure.
#pragma once

#include <string_view>

#include "base/arena.h"
#include "base/error.h"

namespace gatehouse::http {

struct PathOptions {
  bool merge_slashes = true;
};

struct NormalPath {
  std::string_view path;  // what is matched and what is sent; a view of the input when nothing had to change
  bool encoded_slash =
      false;  // holds %2F or %2f, opaque and as it came; allowed only where the chosen service says so
};

// `raw`: the path of a target, without query. Dot segments are resolved, runs of '/' merged (if asked),
// %-encoded unreserved characters decoded, other escapes upper-cased, bytes >= 0x80 %-encoded; ASCII that RFC
// 3986 does not allow
// (`|`, `"`, `{`) stays as it is. The result is its own normal form.
// Errc::bad_path for '\', spaces and controls, plain or encoded (%00, %0A, %5C), for broken escapes, `..;x`
// and `.;x` segments, `;x` before the last one, `..` above the root, and for a dot segment in a path that
// also has an encoded slash.
Result<NormalPath> normalise_path(std::string_view raw, const PathOptions& options, Arena& arena);

// For matching: a segment without its parameters ("admin;x" -> "admin").
constexpr std::string_view without_parameters(std::string_view segment) noexcept {
  return segment.substr(0, segment.find(';'));
}

// Splits "/p?q#f" into path and query (with its '?'). A fragment is malformed.
struct SplitTarget {
  std::string_view path;
  std::string_view query;
};
Result<SplitTarget> split_target(std::string_view origin_form);

// True for a Host / authority that RFC 9110 allows: reg-name, IPv4 or [IPv6], optional port; no userinfo.
bool valid_host(std::string_view host) noexcept;
// The host without its port, brackets kept ("example.com:80" -> "example.com").
std::string_view host_without_port(std::string_view host) noexcept;

// The value of query parameter `name` ("a=1&b=2"), not decoded: calls `each(value)` for every occurrence.
template <class F>
void for_each_query(std::string_view query, std::string_view name, F each) {
  if (!query.empty() && query.front() == '?') query.remove_prefix(1);
  while (!query.empty()) {
    std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(pair.size() == query.size() ? query.size() : pair.size() + 1);
    std::string_view key = pair.substr(0, pair.find('='));
    if (key != name) continue;
    each(key.size() == pair.size() ? std::string_view{} : pair.substr(key.size() + 1));
  }
}

// Every value of cookie `name` in one Cookie field.
template <class F>
void for_each_cookie(std::string_view field, std::string_view name, F each) {
  while (!field.empty()) {
    std::string_view pair = field.substr(0, field.find(';'));
    field.remove_prefix(pair.size() == field.size() ? field.size() : pair.size() + 1);
    while (!pair.empty() && (pair.front() == ' ' || pair.front() == '\t')) pair.remove_prefix(1);
    std::string_view key = pair.substr(0, pair.find('='));
    if (key.size() == pair.size() || key != name) continue;
    std::string_view value = pair.substr(key.size() + 1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    each(value);
  }
}

}  // namespace gatehouse::http
