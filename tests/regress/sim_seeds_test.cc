// The simulation's seeds that failed once pass.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "sim/run.h"

namespace gatehouse::sim {
namespace {

TEST(SimSeeds, Pass) {
  std::ifstream file("tests/regress/sim_seeds.txt");
  ASSERT_TRUE(file) << "run from the root of the repository";
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::uint64_t seed = std::stoull(line);
    for (const auto& v : run(seed).violations) ADD_FAILURE() << "seed " << seed << ": " << v;
  }
}

}  // namespace
}  // namespace gatehouse::sim
