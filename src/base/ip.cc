#include "base/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace gatehouse {
namespace {

constexpr std::array<std::uint8_t, 12> kV4Prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// By hand, since it is written for every request: inet_ntop goes through snprintf.
std::string_view format_v4(const IpAddress& ip, std::array<char, kMaxIpText>& out) noexcept {
  char* p = out.data();
  for (std::size_t i = 12; i < 16; ++i) {
    unsigned b = ip.bytes[i];
    if (b >= 100) *p++ = static_cast<char>('0' + b / 100);
    if (b >= 10) *p++ = static_cast<char>('0' + b / 10 % 10);
    *p++ = static_cast<char>('0' + b % 10);
    if (i < 15) *p++ = '.';
  }
  return {out.data(), static_cast<std::size_t>(p - out.data())};
}

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) noexcept {
  IpAddress ip;
  std::ranges::copy(kV4Prefix, ip.bytes.begin());
  for (unsigned i = 0; i < 4; ++i) ip.bytes[12 + i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  return ip;
}

bool IpAddress::is_v4() const noexcept {
  return std::equal(kV4Prefix.begin(), kV4Prefix.end(), bytes.begin());
}

bool IpAddress::is_loopback() const noexcept {
  if (is_v4()) return bytes[12] == 127;
  return std::all_of(bytes.begin(), bytes.begin() + 15, [](auto b) { return b == 0; }) && bytes[15] == 1;
}

std::optional<IpAddress> parse_ip(std::string_view text) noexcept {
  std::array<char, kMaxIpText> buffer;
  if (text.empty() || text.size() >= buffer.size() || text.contains('\0')) return std::nullopt;
  std::memcpy(buffer.data(), text.data(), text.size());
  buffer[text.size()] = '\0';
  in_addr four{};
  if (::inet_pton(AF_INET, buffer.data(), &four) == 1) return IpAddress::v4(ntohl(four.s_addr));
  IpAddress ip;
  if (::inet_pton(AF_INET6, buffer.data(), ip.bytes.data()) == 1) return ip;
  return std::nullopt;
}

std::string_view format_ip(const IpAddress& ip, std::array<char, kMaxIpText>& out) noexcept {
  if (ip.is_v4()) return format_v4(ip, out);
  const char* text = ::inet_ntop(AF_INET6, ip.bytes.data(), out.data(), static_cast<socklen_t>(out.size()));
  return text ? std::string_view(text) : std::string_view();
}

std::string to_string(const IpAddress& ip) {
  std::array<char, kMaxIpText> buffer;
  return std::string(format_ip(ip, buffer));
}

IpAddress network_of(IpAddress ip) noexcept {
  if (!ip.is_v4()) std::fill(ip.bytes.begin() + 8, ip.bytes.end(), std::uint8_t{0});
  return ip;
}

bool in_network(const IpAddress& ip, const std::array<std::uint8_t, 16>& network, unsigned bits) noexcept {
  unsigned whole = bits / 8;
  if (!std::equal(network.begin(), network.begin() + whole, ip.bytes.begin())) return false;
  unsigned rest = bits % 8;
  if (rest == 0) return true;
  auto mask = static_cast<std::uint8_t>(0xffU << (8 - rest));
  return ((network[whole] ^ ip.bytes[whole]) & mask) == 0;
}

}  // namespace gatehouse
