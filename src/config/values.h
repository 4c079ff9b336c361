// The small values of the language (rule 2): text -> value or complaint, and back. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/time.h"
#include "config/spec.h"

namespace gatehouse::config {

// What is wrong with a text, and what to write instead (may be empty). Both may quote the text.
struct Complaint {
  std::string message;
  std::string instead;
};

template <class T>
using Parsed = std::expected<T, Complaint>;

inline std::unexpected<Complaint> complain(std::string message, std::string instead = {}) {
  return std::unexpected(Complaint{std::move(message), std::move(instead)});
}

Parsed<std::int64_t> parse_integer(std::string_view text);
Parsed<Duration> parse_duration(std::string_view text);   // `300ms 2s 5m 1h 1d`
Parsed<std::uint64_t> parse_size(std::string_view text);  // `200B 64KB 2MB 1GB`; KB = 1024
Parsed<double> parse_percent(std::string_view text);      // `5%` -> 5.0; 0..100
Parsed<bool> parse_switch(std::string_view text);         // `on off`, also `true false`

// `50/s`, `1000/min burst 50`; s, min, h or d. What is counted by (`per user`) is none of it.
Parsed<Rate> parse_rate(std::string_view text);
// `user`, `ip`, `key`, `claim.org`, `header.x-tenant`, `route`, `service`.
Parsed<LimitBy> parse_limit_by(std::string_view text);
// `5`, `header.x-cost max 10`, `response.header.x-cost max 10`.
Parsed<LimitCost> parse_limit_cost(std::string_view text);
// `2026-01-31` (its first moment, UTC), `2026-01-31T12:00:00Z`, `2026-01-31T12:00+02:00`.
Parsed<WallTime> parse_wall_time(std::string_view text);

std::string show_duration(Duration duration);
std::string show_size(std::uint64_t bytes);
std::string show_percent(double percent);
std::string show_rate(const Rate& rate);
std::string show_limit_by(const LimitBy& by);  // empty for one count of everything
std::string show_limit_cost(const LimitCost& cost);
std::string show_wall_time(WallTime time);  // in UTC, to the second

// A token of RFC 9110: header names and methods.
bool is_token(std::string_view text) noexcept;
// What services, versions, listeners and admin tokens may be called: letters, digits, `_`, `-`; `dots` allows
// `.` too.
bool is_name(std::string_view text, bool dots) noexcept;
std::string lower_case(std::string_view text);

// `10.0.0.0/8`, `fd00::/8`, or one address. Bits beyond the prefix are a complaint.
Parsed<Cidr> parse_cidr(std::string_view text);
std::string show_cidr(const Cidr& cidr);
bool overlap(const Cidr& a, const Cidr& b) noexcept;
// An IPv4 or IPv6 address without brackets or port.
bool is_address(std::string_view text) noexcept;

// `http://host[:port]` or `unix:/path`; `text` and `at` are left to the caller.
Parsed<UrlSpec> parse_service_url(std::string_view text);
// `https://host[:port][/path][?query]`, or `http://`; `shown` is left to the caller.
Parsed<WebUrl> parse_web_url(std::string_view text);
// Whether the host is this machine itself, so that nobody sits between: `localhost`, 127.0.0.0/8, ::1.
bool is_loopback(std::string_view host) noexcept;
// `api.example.com`, `*.example.com`, `*`.
Parsed<HostPattern> parse_host_pattern(std::string_view text);
// `*`, `https://shop.example.com:8443`, `https://*.example.com`.
Parsed<OriginPattern> parse_origin_pattern(std::string_view text);
// A host name, an IPv4 address or a bracketed IPv6 one.
bool is_host(std::string_view text) noexcept;

}  // namespace gatehouse::config
