// Test data that others wrote, found beside the repository.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace gatehouse::jose::testing {

// `name` below shared/vectors: in $GATEHOUSE_SHARED, or in a folder `shared` beside the repository. Empty if
// absent.
inline std::string read_vectors(std::string_view name) {
  namespace fs = std::filesystem;
  std::vector<fs::path> candidates;
  if (const char* shared = std::getenv("GATEHOUSE_SHARED")) candidates.emplace_back(shared);
  for (fs::path up = fs::current_path(); !up.empty(); up = up.parent_path()) {
    candidates.push_back(up / "shared");
    if (up == up.parent_path()) break;
  }
  for (const fs::path& candidate : candidates) {
    std::ifstream in(candidate / "vectors" / name, std::ios::binary);
    if (in) return {std::istreambuf_iterator<char>(in), {}};
  }
  return {};
}

inline std::string from_hex(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  return out;
}

}  // namespace gatehouse::jose::testing
