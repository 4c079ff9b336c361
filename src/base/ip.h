// IP addresses as values: 16 bytes, IPv4 as IPv4-mapped IPv6, so that one comparison serves both.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gatehouse {

struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  static IpAddress v4(std::uint32_t host_order) noexcept;
  bool is_v4() const noexcept;
  bool is_loopback() const noexcept;
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

// "192.0.2.1" or "2001:db8::1" (no brackets, no zone). Nothing else: no octal, no short forms.
std::optional<IpAddress> parse_ip(std::string_view text) noexcept;

inline constexpr std::size_t kMaxIpText = 46;
// Into `out` (kMaxIpText bytes); returns the text. RFC 5952 for IPv6, dotted quad for IPv4.
std::string_view format_ip(const IpAddress& ip, std::array<char, kMaxIpText>& out) noexcept;
std::string to_string(const IpAddress& ip);

// What is counted as one address, because one customer has it: of IPv6 the network's 64 bits.
IpAddress network_of(IpAddress ip) noexcept;

// True if the first `bits` (of 128) agree.
bool in_network(const IpAddress& ip, const std::array<std::uint8_t, 16>& network, unsigned bits) noexcept;

}  // namespace gatehouse
