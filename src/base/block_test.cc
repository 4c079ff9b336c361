#include "base/block.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace gatehouse {
namespace {

TEST(BlockPool, GivesAtLeastWhatWasAskedFor) {
  BlockPool pool;
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, BlockPool::kSmall - 1, BlockPool::kSmall,
                           BlockPool::kSmall + 1, BlockPool::kMedium, BlockPool::kMedium + 1,
                           BlockPool::kLarge, BlockPool::kLarge + 1, std::size_t{1} << 20}) {
    BlockRef b = pool.get(size);
    ASSERT_GE(b->capacity(), size);
    std::memset(b->data(), 'x', b->capacity());
  }
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(BlockPool, ReusesBlocksAndCountsThem) {
  BlockPool pool;
  Block* first = nullptr;
  {
    BlockRef b = pool.get(BlockPool::kMedium);
    first = b.get();
    EXPECT_EQ(pool.in_use(), 1U);
    EXPECT_TRUE(b.unique());
    BlockRef other = b;
    EXPECT_EQ(other.get(), b.get());
    EXPECT_FALSE(b.unique());
    EXPECT_EQ(pool.in_use(), 1U);
  }
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_EQ(pool.free_bytes(), BlockPool::kMedium);
  BlockRef again = pool.get(BlockPool::kMedium);
  EXPECT_EQ(again.get(), first);
  EXPECT_EQ(pool.free_bytes(), 0U);
}

TEST(BlockPool, KeepsNoMoreThanItMay) {
  BlockPool pool(3 * BlockPool::kSmall);
  std::vector<BlockRef> held;
  held.reserve(10);
  for (int i = 0; i < 10; ++i) held.push_back(pool.get(BlockPool::kSmall));
  held.clear();
  EXPECT_EQ(pool.free_bytes(), 3 * BlockPool::kSmall);
  {
    BlockRef big = pool.get(1 << 20);
  }
  EXPECT_EQ(pool.free_bytes(), 3 * BlockPool::kSmall) << "odd sizes are not kept";
}

TEST(BlockPool, RandomUseLeaksNothing) {
  BlockPool pool;
  Random random(2);
  std::vector<BlockRef> held(64);
  for (int i = 0; i < 20'000; ++i) {
    BlockRef& place = held[random.below(64)];
    switch (random.below(3)) {
      case 0: place = pool.get(random.below(80'000)); break;
      case 1: place = held[random.below(64)]; break;
      default: place = BlockRef{};
    }
  }
  held.clear();
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(Slice, KeepsItsBlock) {
  BlockPool pool;
  Slice part;
  {
    BlockRef b = pool.get(100);
    std::memcpy(b->data(), "hello world", 11);
    Slice whole(b, b->data(), 11);
    part = whole.first(5);
    whole.remove_prefix(6);
    EXPECT_EQ(whole.view(), "world");
  }
  EXPECT_EQ(pool.in_use(), 1U);
  EXPECT_EQ(part.view(), "hello");
  part = Slice::unowned("static");
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_EQ(part.view(), "static");
}

TEST(Slice, MovedFromItIsEmpty) {
  BlockPool pool;
  BlockRef block = pool.get(100);
  Slice a(block, block->data(), 10);
  Slice b = std::move(a);
  EXPECT_EQ(b.size(), 10U);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): what is tested
  a = std::move(b);
  EXPECT_EQ(a.size(), 10U);
  EXPECT_TRUE(b.empty());  // NOLINT(bugprone-use-after-move)
}

}  // namespace
}  // namespace gatehouse
