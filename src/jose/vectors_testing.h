// Test data that others wrote about keys and tokens.
#pragma once

#include <string>
#include <string_view>

#include "base/vectors_testing.h"

namespace gatehouse::jose::testing {

using gatehouse::testing::read_vectors;

inline std::string from_hex(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  return out;
}

}  // namespace gatehouse::jose::testing
