#include "base/arena.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"

namespace gatehouse {
namespace {

TEST(Arena, GivesAlignedMemoryThatDoesNotOverlap) {
  BlockPool pool;
  Arena arena(pool);
  Random random(1);
  std::vector<std::pair<char*, std::size_t>> pieces;
  for (int i = 0; i < 2000; ++i) {
    std::size_t align = std::size_t{1} << random.below(5);
    std::size_t size = random.below(20) ? random.below(200) : random.below(70'000);
    auto* p = static_cast<char*>(arena.allocate(size, align));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % align, 0U);
    std::memset(p, i & 0x7f, size);
    pieces.emplace_back(p, size);
  }
  for (std::size_t i = 0; i < pieces.size(); ++i)
    for (std::size_t k = 0; k < pieces[i].second; ++k)
      ASSERT_EQ(pieces[i].first[k], static_cast<char>(i & 0x7f));
}

// A size for which the block that was asked for is a class size exactly once never ended.
TEST(Arena, SizesAroundEveryClassFit) {
  BlockPool pool;
  for (std::size_t size : {BlockPool::kSmall, BlockPool::kMedium, BlockPool::kLarge}) {
    for (std::size_t n = size - 128; n <= size + 128; ++n) {
      Arena arena(pool);
      std::memset(arena.allocate(n), 1, n);
    }
  }
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(Arena, ResetReturnsItsBlocks) {
  BlockPool pool;
  Arena arena(pool);
  EXPECT_EQ(arena.used(), 0U);
  for (int i = 0; i < 100; ++i) arena.allocate(1000);
  EXPECT_GT(pool.in_use(), 20U);
  EXPECT_GE(arena.used(), 100'000U);
  arena.reset();
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_EQ(arena.used(), 0U);
  EXPECT_EQ(arena.copy("again"), "again");
}

Slice received(BlockPool& pool, std::size_t n) {
  BlockRef block = pool.get(BlockPool::kSmall);
  char* data = block->data();
  std::memset(data, 'r', n);
  return {std::move(block), data, n};
}

TEST(Arena, BeginsInTheBlockThatAHeadCameIn) {
  BlockPool pool;
  for (std::size_t n : {1U, 7U, 8U, 1000U, 3000U}) {
    Slice head = received(pool, n);
    {
      Arena arena(pool, head);
      auto* p = static_cast<char*>(arena.allocate(900, 16));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % 16, 0U);
      std::memset(p, 'a', 900);
      EXPECT_EQ(head.view(), std::string(n, 'r'));
      EXPECT_EQ(pool.in_use(), 1U) << "no block of its own";
      std::memset(arena.allocate(8000), 'a', 8000);
      EXPECT_EQ(head.view(), std::string(n, 'r'));
      EXPECT_EQ(pool.in_use(), 2U);
    }
    EXPECT_EQ(pool.in_use(), 1U);
  }
}

TEST(Arena, KeepsAwayFromABlockThatIsSharedOrFull) {
  BlockPool pool;
  Slice full = received(pool, BlockPool::kSmall - 1023);
  Slice shared = received(pool, 10);
  Slice other = shared.first(5);
  Slice none;
  Slice text = Slice::unowned("static");
  for (const Slice* head : {&full, &shared, &none, &text}) {
    Arena arena(pool, *head);
    EXPECT_EQ(arena.used(), 0U);
    arena.allocate(1);
    EXPECT_EQ(pool.in_use(), 3U);
  }
}

TEST(Arena, CopiesAndJoinsText) {
  BlockPool pool;
  Arena arena(pool);
  std::string source = "abc";
  std::string_view copy = arena.copy(source);
  source = "xyz";
  EXPECT_EQ(copy, "abc");
  EXPECT_EQ(arena.copy(""), "");
  EXPECT_EQ(arena.concat("a", std::string_view(), std::string("bc"), "d"), "abcd");
  EXPECT_EQ(arena.concat("", ""), "");
  int* numbers = arena.make_array<int>(100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(numbers[i], 0);
  EXPECT_EQ(*arena.make<std::uint64_t>(7U), 7U);
}

}  // namespace
}  // namespace gatehouse
