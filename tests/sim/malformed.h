// Messages that are wrong, by number.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gatehouse::sim {

inline constexpr std::uint32_t kMalformedRequests = 18;
inline constexpr std::uint32_t kMalformedAnswers = 9;
inline constexpr std::uint32_t kEndlessAnswer = 5;  // of these: its head is larger than any may be

struct MalformedRequest {
  std::string bytes;
  std::uint16_t status;  // that the gateway has to answer
};
// `path` names the request, so that its arrival at a service would be noticed.
MalformedRequest malformed_request(std::uint32_t variant, std::string_view path);

std::string malformed_answer(std::uint32_t variant);

}  // namespace gatehouse::sim
