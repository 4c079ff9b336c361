#include "http/structured_field.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace gatehouse::http {
namespace {

constexpr std::int64_t kMostInteger = 999'999'999'999'999;

bool is_key(std::string_view key) noexcept {
  auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  if (key.empty() || !(lower(key.front()) || key.front() == '*')) return false;
  return std::ranges::all_of(key, [&](char c) {
    return lower(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == '*';
  });
}

}  // namespace

void StructuredList::put(std::string_view text) noexcept {
  if (static_cast<std::size_t>(end_ - at_) < text.size()) {
    valid_ = false;
    return;
  }
  std::memcpy(at_, text.data(), text.size());
  at_ += text.size();
}

void StructuredList::put(std::int64_t number) noexcept {
  const auto [end, error] = std::to_chars(at_, end_, number);
  if (error != std::errc() || number > kMostInteger || number < -kMostInteger) {
    valid_ = false;
    return;
  }
  at_ = end;
}

void StructuredList::separate() noexcept {
  if (at_ != begin_) put(", ");
}

StructuredList& StructuredList::string(std::string_view text) noexcept {
  separate();
  put("\"");
  for (char c : text) {
    if (c < ' ' || c > '~') valid_ = false;
    if (c == '"' || c == '\\') put("\\");
    put(std::string_view(&c, 1));
  }
  put("\"");
  return *this;
}

StructuredList& StructuredList::integer(std::int64_t number) noexcept {
  separate();
  put(number);
  return *this;
}

StructuredList& StructuredList::parameter(std::string_view key, std::int64_t number) noexcept {
  if (!is_key(key)) valid_ = false;
  put(";");
  put(key);
  put("=");
  put(number);
  return *this;
}

}  // namespace gatehouse::http
