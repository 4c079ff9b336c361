#include "sim/payload.h"

#include <algorithm>
#include <functional>
#include <string>

#include "base/random.h"

namespace gatehouse::sim {
namespace {

constexpr std::size_t kOffsets = std::size_t{64} << 10;

std::string make_bytes() {
  std::string bytes(kOffsets + kMaxPayload, '\0');
  Random random(0x9e3779b97f4a7c15U);
  for (char& c : bytes) c = static_cast<char>(random.next() >> 56);
  return bytes;
}

}  // namespace

std::string_view payload(std::uint64_t id, std::size_t size) noexcept {
  static const std::string bytes = make_bytes();
  return std::string_view(bytes).substr(id * 40503 % kOffsets, std::min(size, kMaxPayload));
}

std::uint64_t digest(std::string_view bytes) noexcept { return std::hash<std::string_view>{}(bytes); }

}  // namespace gatehouse::sim
