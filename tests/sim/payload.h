// Bodies of the simulation: told apart by their request, compared byte for byte, made without cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gatehouse::sim {

inline constexpr std::size_t kMaxPayload = std::size_t{320} << 10;

// The body that belongs to `id`. Static memory; different ids have different bytes everywhere.
std::string_view payload(std::uint64_t id, std::size_t size) noexcept;

// A checksum of what was received.
std::uint64_t digest(std::string_view bytes) noexcept;

}  // namespace gatehouse::sim
