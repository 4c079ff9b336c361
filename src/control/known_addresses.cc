#include "control/known_addresses.h"

#include <fmt/format.h>

#include <algorithm>

namespace gatehouse::control {
namespace {

constexpr std::size_t kLongestName = 253;  // RFC 1035, without the last dot
constexpr std::size_t kLongestText = std::size_t{4} << 20;

bool is_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kLongestName && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

// Cuts what stands before the next `separator` off `text`.
std::string_view take_until(std::string_view& text, char separator) noexcept {
  std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

bool parse_line(std::string_view line, KnownAddresses& out) {
  std::string_view name = take_until(line, ' ');
  if (!is_name(name) || out.size() == kMostNames) return false;
  auto [at, fresh] = out.try_emplace(std::string(name));
  if (!fresh || line.empty()) return false;
  while (!line.empty()) {
    auto ip = parse_ip(take_until(line, ' '));
    if (!ip || at->second.size() == kMostAddresses) return false;
    at->second.push_back(*ip);
  }
  return true;
}

}  // namespace

std::string to_text(const KnownAddresses& known) {
  std::string out;
  std::size_t names = 0;
  for (const auto& [name, addresses] : known) {
    if (!is_name(name) || addresses.empty()) continue;
    if (++names > kMostNames) break;
    out += name;
    for (std::size_t i = 0; i < std::min(addresses.size(), kMostAddresses); ++i)
      out += ' ' + to_string(addresses[i]);
    out += '\n';
  }
  return out.size() <= kLongestText ? out : std::string();
}

std::expected<KnownAddresses, std::string> parse_addresses(std::string_view text) {
  KnownAddresses known;
  if (text.size() > kLongestText) return std::unexpected("it is too large");
  for (std::size_t line = 1; !text.empty(); ++line)
    if (!parse_line(take_until(text, '\n'), known))
      return std::unexpected(fmt::format("line {} is no name with its addresses", line));
  return known;
}

}  // namespace gatehouse::control
