#include "base/hash.h"

#include <gtest/gtest.h>

#include <string>
#include <unordered_map>
#include <unordered_set>

namespace gatehouse {
namespace {

TEST(Hash, IsXxh3) {  // values of the reference implementation: they must never change
  EXPECT_EQ(hash64(""), 0x2d06800538d394c2U);
  EXPECT_EQ(hash64("abc"), 0x78af5f94892f3950U);
}

TEST(Hash, DependsOnBytesAndSeed) {
  std::unordered_set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 10; ++seed)
    for (int i = 0; i < 1000; ++i) seen.insert(hash64("/orders/" + std::to_string(i), seed));
  EXPECT_EQ(seen.size(), 10'000U);
}

TEST(Hash, TablesAreSearchedByView) {
  std::unordered_map<std::string, int, StringHash, std::equal_to<>> table{{"orders", 1}};
  EXPECT_EQ(table.find(std::string_view("orders"))->second, 1);
}

}  // namespace
}  // namespace gatehouse
