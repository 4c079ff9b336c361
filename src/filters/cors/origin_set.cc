#include "filters/cors/origin_set.h"

#include <algorithm>

namespace gatehouse::filters {
namespace {

// One or more labels of a host, as browsers write them.
bool are_labels(std::string_view text) noexcept {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != std::string_view::npos) return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace

OriginSet::OriginSet(std::span<const config::OriginPattern> patterns) {
  using Kind = config::OriginPattern::Kind;
  for (const config::OriginPattern& p : patterns) {
    if (p.kind == Kind::every) every_ = true;
    if (p.kind == Kind::exact) exact_.push_back(p.scheme + p.host);
    if (p.kind == Kind::below) below_.push_back({p.scheme, p.host});
  }
  std::ranges::sort(exact_);
}

bool OriginSet::contains(std::string_view origin) const noexcept {
  if (origin.empty() || origin.size() > kLongest) return false;
  if (every_) return true;
  if (std::ranges::binary_search(exact_, origin, std::ranges::less{})) return true;
  return std::ranges::any_of(below_, [&](const Below& b) {
    if (!origin.starts_with(b.scheme) || !origin.ends_with(b.host)) return false;
    const std::size_t fixed = b.scheme.size() + b.host.size();
    return origin.size() > fixed && are_labels(origin.substr(b.scheme.size(), origin.size() - fixed));
  });
}

}  // namespace gatehouse::filters
