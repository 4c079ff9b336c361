// Structured fields (RFC 9651), as far as the gateway writes them: lists of strings and integers with
// parameters that are integers. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace gatehouse::http {

// Writes one list into memory of the caller (section 4.1). What has no spelling, or no room, makes the whole
// invalid: nothing of it may be sent then.
class StructuredList {
 public:
  explicit StructuredList(std::span<char> memory) noexcept
      : begin_(memory.data()), at_(memory.data()), end_(memory.data() + memory.size()) {}

  // A member: characters from space to `~`.
  StructuredList& string(std::string_view text) noexcept;
  StructuredList& integer(std::int64_t number) noexcept;  // of at most 15 digits
  // Of the member before.
  StructuredList& parameter(std::string_view key, std::int64_t number) noexcept;

  bool valid() const noexcept { return valid_; }
  std::string_view text() const noexcept { return {begin_, static_cast<std::size_t>(at_ - begin_)}; }

 private:
  void separate() noexcept;
  void put(std::string_view text) noexcept;
  void put(std::int64_t number) noexcept;

  char* begin_;
  char* at_;
  char* end_;
  bool valid_ = true;
};

}  // namespace gatehouse::http
