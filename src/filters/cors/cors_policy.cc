#include "filters/cors/cors_policy.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "http/characters.h"

namespace gatehouse::filters {
namespace {

using http::HeaderId;

constexpr std::size_t kLongestList = 4096;
constexpr std::string_view kPrefix = "access-control-";

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

bool is_all(const std::vector<std::string>& names) { return names.size() == 1 && names.front() == "*"; }

void remove_cors(http::HeaderTable& headers) noexcept {
  headers.remove_if([](const http::Header& h) {
    return h.id == HeaderId::other && h.name.size() > kPrefix.size() &&
           http::iequals(h.name.substr(0, kPrefix.size()), kPrefix);
  });
}

// Into the field that is there: not every cache reads a second one.
void add_vary(http::HeaderTable& headers, std::string_view names, Arena& arena) {
  bool told = false;
  http::Header* last = nullptr;
  for (http::Header& h : headers) {
    if (h.id != HeaderId::vary) continue;
    last = &h;
    http::for_each_list_item(
        h.value, [&](std::string_view item) { told = told || item == "*" || http::iequals(item, names); });
  }
  if (told) return;
  if (last == nullptr || last->value.empty()) return headers.set(HeaderId::vary, names);
  last->value = arena.concat(last->value, ", ", names);
}

}  // namespace

bool is_name_list(std::string_view text) noexcept {
  if (text.empty() || text.size() > kLongestList) return false;
  bool good = true;
  http::for_each_list_item(text, [&](std::string_view name) {
    good = good && std::ranges::all_of(name, [](char c) { return http::is(c, http::kToken); });
  });
  return good;
}

CorsPolicy::CorsPolicy(const config::CorsSpec& spec)
    : origins_(spec.origins),
      any_method_(is_all(spec.methods)),
      any_header_(is_all(spec.headers)),
      credentials_(spec.credentials),
      private_network_(spec.private_network),
      methods_(joined(spec.methods)),
      headers_(joined(spec.headers)),
      expose_(joined(spec.expose)),
      max_age_(std::to_string(std::chrono::duration_cast<std::chrono::seconds>(spec.max_age).count())) {
  if (!origins_.every()) vary_answers_ = "Origin, ";
  vary_answers_ += "Access-Control-Request-Method, Access-Control-Request-Headers";
  if (private_network_) vary_answers_ += ", Access-Control-Request-Private-Network";
}

// `*` says the same to everybody, whoever asks: that can be kept by caches without `Vary`.
bool CorsPolicy::allow(http::HeaderTable& headers, std::string_view origin) const {
  if (origins_.every()) {
    headers.add("Access-Control-Allow-Origin", "*");
    return true;
  }
  if (!allows(origin)) return false;
  headers.add("Access-Control-Allow-Origin", origin);
  if (credentials_) headers.add("Access-Control-Allow-Credentials", "true");
  return true;
}

void CorsPolicy::mark(http::HeaderTable& headers, std::string_view origin, Arena& arena) const {
  remove_cors(headers);
  if (!origins_.every()) add_vary(headers, "Origin", arena);
  if (allow(headers, origin) && !expose_.empty()) headers.add("Access-Control-Expose-Headers", expose_);
}

// The lists are given whole, whether they hold what was asked for or not: the browser compares, and its
// console then names the method or the header that is missing.
void CorsPolicy::answer(http::HeaderTable& headers, std::string_view origin, const Preflight& asked,
                        Arena& arena) const {
  remove_cors(headers);
  add_vary(headers, vary_answers_, arena);
  if (!allow(headers, origin)) return;
  if (std::string_view methods = any_method_ ? asked.method : methods_; !methods.empty())
    headers.add("Access-Control-Allow-Methods", methods);
  std::string_view names = headers_;
  if (any_header_) names = is_name_list(asked.headers) ? asked.headers : std::string_view{};
  if (!names.empty()) headers.add("Access-Control-Allow-Headers", names);
  headers.add("Access-Control-Max-Age", max_age_);
  if (private_network_ && asked.private_network) headers.add("Access-Control-Allow-Private-Network", "true");
}

}  // namespace gatehouse::filters
