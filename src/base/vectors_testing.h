// Test data that others wrote, found beside the repository.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace gatehouse::testing {

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

}  // namespace gatehouse::testing
