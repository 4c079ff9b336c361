// One record of the access log as a line of JSON. Pure: no allocation, no system call, no locale.
//
// Budget: 700 instructions a line of all default fields (control_bench, callgrind).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "gateway/record.h"

namespace gatehouse::control {

enum class LogField : std::uint8_t {
  time,
  method,
  host,
  path,
  query,
  protocol,
  route,
  service,
  endpoint,
  version,
  status,
  reason,
  total,
  own,
  first_byte,
  upstream,
  bytes_in,
  bytes_out,
  tries,
  request_id,
  trace_id,
  client,
  user,
  limit,
  limit_key,
  tls,
  tls_cipher,
  tls_sni,
  tls_resumed,
  tls_client,
  last_,
};
inline constexpr std::size_t kLogFieldCount = static_cast<std::size_t>(LogField::last_);

// over_tls: where the connection is TLS; limited: where a limit refused, or would have.
enum class LogDefault : std::uint8_t { no, yes, over_tls, limited };

struct LogFieldInfo {
  LogField field;
  std::string_view name;
  std::string_view type;
  LogDefault by_default;
  std::string_view help;  // for docs/reference.md
};

// The one table of the log's fields, in the order of the default line.
std::span<const LogFieldInfo> log_fields() noexcept;

// Which fields a line has, in which order.
class LineLayout {
 public:
  LineLayout();  // the default fields
  // Names that are not in the table are passed over: the loader has refused them. Empty: the default fields.
  explicit LineLayout(std::span<const std::string> names);
  bool is_default() const noexcept { return default_; }
  std::span<const LogField> fields() const noexcept { return {fields_.data(), size_}; }

 private:
  void add(LogField f) noexcept {
    if (size_ < fields_.size()) fields_[size_++] = f;
  }
  std::array<LogField, kLogFieldCount> fields_{};
  std::size_t size_ = 0;
  bool default_ = false;
};

// The current second as text: formatted once a second, not once a line.
struct SecondText {
  std::int64_t second = INT64_MIN;
  std::array<char, 20> text{};  // "2026-05-01T12:34:56."
};

// Of one value; what is longer is cut. A path is as long as `max_head` allows.
inline constexpr std::size_t kLongestLogValue = 8192;

// An upper bound of what write_line needs for this record.
std::size_t line_bound(const gateway::RequestRecord& r) noexcept;
inline constexpr std::size_t kLongestLine = std::size_t{750} << 10;

// Writes the line with its newline; returns its end.
char* write_line(const gateway::RequestRecord& r, const LineLayout& layout, SecondText& second,
                 char* out) noexcept;

// "2026-05-01T12:34:56.123456Z"
inline constexpr std::size_t kTimeText = 27;
std::string_view write_time(WallTime time, std::array<char, kTimeText>& out) noexcept;

}  // namespace gatehouse::control
