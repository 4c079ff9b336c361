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

TEST(Hash64Parts, AreTheSameAsTheWhole) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::to_string(i * 7919);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{16}, std::size_t{240}, std::size_t{257}, text.size()}) {
    const std::string_view whole = std::string_view(text).substr(0, size);
    for (const std::size_t part : {1U, 7U, 64U, 1000U}) {
      Hash64 hash;
      for (std::size_t at = 0; at < whole.size(); at += part) hash.add(whole.substr(at, part));
      EXPECT_EQ(hash.value(), hash64(whole)) << size << " by " << part;
    }
  }
}

}  // namespace
}  // namespace gatehouse
