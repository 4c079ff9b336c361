// JSON as JOSE wants it: one object, each member once (RFC 7515 section 4, RFC 7517 section 4, RFC 7519
// section 4), valid UTF-8, nested not too deep, and nothing behind it.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <string_view>
#include <vector>

namespace gatehouse::jose {

inline constexpr std::size_t kMaxJsonDepth = 16;  // objects and lists in each other, the outermost counted

// One document at a time, and the memory for it, which grows to the largest: some 14 bytes for one of text.
// What is taken from it lives until the next parse().
class JsonDocument {
 public:
  // Room for a text of that size, to be filled before parse_buffer(): it is padded as simdjson needs it.
  char* buffer(std::size_t size);
  // false: not such an object. The first `size` bytes of the buffer; they stay as they are.
  bool parse_buffer(std::size_t size);
  bool parse(std::string_view text);  // copies it into the buffer

  // Only after a parse that was true.
  [[nodiscard]] simdjson::dom::object root() const noexcept { return root_; }
  // The text of the last parse_buffer().
  [[nodiscard]] std::string_view text(std::size_t size) const noexcept { return {buffer_.data(), size}; }

 private:
  bool check(simdjson::dom::element element, std::size_t depth);
  bool check_names(simdjson::dom::object object);
  [[nodiscard]] bool check_text(std::string_view text) const noexcept;

  std::vector<char> buffer_;
  simdjson::dom::parser parser_;
  simdjson::dom::object root_;
  std::vector<std::string_view> names_;  // of one object, while they are compared
  bool escaped_ = false;                 // whether the text holds a backslash
};

}  // namespace gatehouse::jose
