#include "jose/json_document.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace gatehouse::jose {

namespace {

constexpr std::size_t kSmallest =
    512;  // bytes: no growing for each token that is a little larger than the last
constexpr std::size_t kFewNames = 8;  // compared each with each

}  // namespace

char* JsonDocument::buffer(std::size_t size) {
  const std::size_t wanted = std::max(std::bit_ceil(size), kSmallest) + simdjson::SIMDJSON_PADDING;
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  return buffer_.data();
}

bool JsonDocument::parse(std::string_view text) {
  if (!text.empty()) std::memcpy(buffer(text.size()), text.data(), text.size());
  return parse_buffer(text.size());
}

bool JsonDocument::parse_buffer(std::size_t size) {
  root_ = {};
  if (size == 0) return false;
  // One level more than ours: simdjson counts differently for an empty list, we do not.
  const std::size_t capacity = std::max(std::bit_ceil(size), kSmallest);
  if (parser_.capacity() < capacity && parser_.allocate(capacity, kMaxJsonDepth + 2) != simdjson::SUCCESS)
    return false;
  simdjson::dom::element element;
  if (parser_.parse(buffer_.data(), size, false).get(element) != simdjson::SUCCESS) return false;
  simdjson::dom::object object;
  if (element.get(object) != simdjson::SUCCESS) return false;
  escaped_ = std::memchr(buffer_.data(), '\\', size) != nullptr;
  if (!check(element, 1)) return false;
  root_ = object;
  return true;
}

// NOLINTNEXTLINE(misc-no-recursion): at most kMaxJsonDepth deep
bool JsonDocument::check(simdjson::dom::element element, std::size_t depth) {
  using simdjson::dom::element_type;
  switch (element.type()) {
    case element_type::OBJECT: {
      const simdjson::dom::object object = element.get_object().value_unsafe();
      if (depth > kMaxJsonDepth || !check_names(object)) return false;
      return std::ranges::all_of(object, [&](const auto& field) { return check(field.value, depth + 1); });
    }
    case element_type::ARRAY: {
      const simdjson::dom::array array = element.get_array().value_unsafe();
      if (depth > kMaxJsonDepth) return false;
      return std::ranges::all_of(array, [&](const auto& each) { return check(each, depth + 1); });
    }
    case element_type::STRING: return check_text(element.get_string().value_unsafe());
    default: return true;
  }
}

bool JsonDocument::check_names(simdjson::dom::object object) {
  names_.clear();
  for (const auto& field : object) {
    if (!check_text(field.key)) return false;
    names_.push_back(field.key);
  }
  if (names_.size() <= kFewNames) {
    for (std::size_t i = 1; i < names_.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (names_[i] == names_[j]) return false;
    return true;
  }
  std::ranges::sort(names_);
  return std::ranges::adjacent_find(names_) == names_.end();
}

// simdjson has checked the bytes, but lets \udc00 alone stand for half a character.
bool JsonDocument::check_text(std::string_view text) const noexcept {
  return !escaped_ || simdjson::validate_utf8(text.data(), text.size());
}

}  // namespace gatehouse::jose
