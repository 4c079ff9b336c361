#include "jose/claims.h"

#include <array>
#include <charconv>
#include <cstdint>

#include "jose/json_document.h"

namespace gatehouse::jose {

namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

// The member of exactly that name, else the first way that leads somewhere.
// NOLINTNEXTLINE(misc-no-recursion): no deeper than the document
std::optional<element> find(simdjson::dom::object object, std::string_view path) {
  element found;
  if (object.at_key(path).get(found) == simdjson::SUCCESS) return found;
  for (std::size_t dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1)) {
    simdjson::dom::object inner;
    if (object.at_key(path.substr(0, dot)).get(inner) != simdjson::SUCCESS) continue;
    if (auto deeper = find(inner, path.substr(dot + 1))) return deeper;
  }
  return std::nullopt;
}

template <class F>
void split_at_spaces(std::string_view text, F&& each) {
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    if (space != 0) each(text.substr(0, space));
    if (space == text.npos) return;
    text.remove_prefix(space + 1);
  }
}

template <class Number, class F>
void give_number(Number number, F&& each) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number);
  each(std::string_view(text.data(), end.ptr));
}

template <class F>
void give_scalar(element value, F&& each) {
  switch (value.type()) {
    case element_type::STRING: each(value.get_string().value_unsafe()); return;
    case element_type::INT64: give_number(value.get_int64().value_unsafe(), each); return;
    case element_type::UINT64: give_number(value.get_uint64().value_unsafe(), each); return;
    case element_type::DOUBLE: give_number(value.get_double().value_unsafe(), each); return;
    case element_type::BOOL: each(value.get_bool().value_unsafe() ? "true" : "false"); return;
    default: return;
  }
}

}  // namespace

bool Claims::has_audience(std::string_view audience) const noexcept {
  if (document_ == nullptr) return false;
  element aud;
  if (document_->root().at_key("aud").get(aud) != simdjson::SUCCESS) return false;
  if (aud.is_string()) return aud.get_string().value_unsafe() == audience;
  if (!aud.is_array()) return false;
  for (element each : aud.get_array().value_unsafe())
    if (each.is_string() && each.get_string().value_unsafe() == audience) return true;
  return false;
}

void Claims::visit(std::string_view path, Visitor visitor, void* context) const {
  if (document_ == nullptr) return;
  const std::optional<element> found = find(document_->root(), path);
  if (!found) return;
  const auto give = [&](std::string_view text) { visitor(context, text); };
  if (path == "scope" && found->is_string()) {
    split_at_spaces(found->get_string().value_unsafe(), give);
  } else if (found->is_array()) {
    for (element each : found->get_array().value_unsafe()) give_scalar(each, give);
  } else {
    give_scalar(*found, give);
  }
}

}  // namespace gatehouse::jose
