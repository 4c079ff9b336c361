#include "net/stream.h"

#include <gtest/gtest.h>

#include <string>

namespace gatehouse::net {
namespace {

std::string text_of(const SliceList& list) {
  std::string s;
  for (std::size_t i = 0; i < list.count(); ++i) s += list[i].view();
  return s;
}

SliceList list_of(std::initializer_list<std::string_view> parts) {
  SliceList list;
  for (auto p : parts) list.add(Slice::unowned(p));
  return list;
}

TEST(SliceList, ConsumesAcrossSlices) {
  const std::string all = "onetwothree";
  for (std::size_t n = 0; n <= all.size(); ++n) {
    SliceList list = list_of({"one", "", "two", "three"});
    EXPECT_EQ(list.count(), 3U) << "an empty slice takes no place";
    list.consume(n);
    EXPECT_EQ(text_of(list), all.substr(n));
    EXPECT_EQ(list.bytes(), all.size() - n);
    EXPECT_EQ(list.empty(), n == all.size());
  }
}

TEST(SliceList, IsEmptyAfterItWasMoved) {
  SliceList a = list_of({"one", "two"});
  SliceList b = std::move(a);
  EXPECT_EQ(text_of(b), "onetwo");
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): what is tested
  EXPECT_EQ(a.bytes(), 0U);
  a.add(Slice::unowned("again"));
  EXPECT_EQ(text_of(a), "again");
  b = std::move(a);
  EXPECT_EQ(text_of(b), "again");
}

TEST(SliceList, LetsGoOfBlocksThatWereSent) {
  BlockPool pool;
  SliceList list;
  for (int i = 0; i < 3; ++i) {
    BlockRef b = pool.get(100);
    const char* data = b->data();
    list.add(Slice(std::move(b), data, 100));
  }
  list.consume(150);
  EXPECT_EQ(pool.in_use(), 2U);
  list.clear();
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(Joined, PutsPiecesTogether) {
  BlockPool pool;
  auto slice = [&pool](std::string_view text) {
    BlockRef b = pool.get(std::max<std::size_t>(text.size(), 1));
    std::memcpy(b->data(), text.data(), text.size());
    const char* data = b->data();
    return Slice(std::move(b), data, text.size());
  };
  EXPECT_EQ(joined(pool, Slice{}, slice("b")).view(), "b");
  EXPECT_EQ(joined(pool, slice("a"), Slice{}).view(), "a");
  EXPECT_EQ(joined(pool, slice("ab"), slice("cd")).view(), "abcd");
  EXPECT_EQ(joined(pool, Slice::unowned("static "), slice("text")).view(), "static text");

  {
    Slice whole = slice("abcdef");
    Slice part = whole.first(3);  // what follows it belongs to `whole`
    EXPECT_EQ(joined(pool, part, slice("XYZ")).view(), "abcXYZ");
    EXPECT_EQ(whole.view(), "abcdef");
  }

  std::string expected;
  Slice grown;
  for (int i = 0; i < 3000; ++i) {
    expected += std::to_string(i);
    grown = joined(pool, std::move(grown), slice(std::to_string(i)));
  }
  EXPECT_EQ(grown.view(), expected);
  grown = Slice{};
  EXPECT_EQ(pool.in_use(), 0U);
}

}  // namespace
}  // namespace gatehouse::net
