#include "base/json_text.h"

#include <fmt/format.h>
#include <simdjson.h>

namespace gatehouse {

void JsonText::before_value() {
  if (after_key_) {
    after_key_ = false;
  } else if (!first_) {
    out_ += ',';
  }
  first_ = false;
}

JsonText& JsonText::raw(std::string_view text) {
  before_value();
  out_ += text;
  return *this;
}

JsonText& JsonText::open(char bracket) {
  before_value();
  out_ += bracket;
  first_ = true;
  return *this;
}

JsonText& JsonText::close(char bracket) {
  out_ += bracket;
  first_ = false;
  return *this;
}

JsonText& JsonText::key(std::string_view name) {
  before_value();
  quote(name);
  out_ += ':';
  after_key_ = true;
  return *this;
}

JsonText& JsonText::value(std::string_view text) {
  before_value();
  quote(text);
  return *this;
}

JsonText& JsonText::value(double n) { return raw(fmt::format("{}", n)); }

JsonText& JsonText::strings(std::string_view name, const std::vector<std::string>& list) {
  key(name).begin_array();
  for (const auto& text : list) value(text);
  return end_array();
}

// What came from a request need not be UTF-8; then its bytes are written as the characters of those numbers.
void JsonText::quote(std::string_view text) {
  bool utf8 = simdjson::validate_utf8(text.data(), text.size());
  out_ += '"';
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) {
      out_ += fmt::format("\\u{:04x}", byte);
    } else {
      out_ += c;
    }
  }
  out_ += '"';
}

std::string JsonText::take() {
  out_ += '\n';
  return std::move(out_);
}

}  // namespace gatehouse
