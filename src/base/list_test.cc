#include "base/list.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace gatehouse {
namespace {

struct Node : ListNode {
  explicit Node(char c) : name(c) {}
  char name;
};

std::string names(const List<Node>& list) {
  std::string s;
  list.for_each([&s](Node& n) { s += n.name; });
  return s;
}

TEST(List, KeepsOrder) {
  Node a('a'), b('b'), c('c');
  List<Node> list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.front(), nullptr);
  EXPECT_EQ(list.pop_front(), nullptr);
  list.push_back(a);
  list.push_back(b);
  list.push_front(c);
  EXPECT_EQ(names(list), "cab");
  EXPECT_EQ(list.back(), &b);
  a.unlink();
  EXPECT_EQ(names(list), "cb");
  a.unlink();  // once more does nothing
  EXPECT_EQ(list.pop_front(), &c);
  EXPECT_FALSE(c.linked());
  EXPECT_TRUE(b.linked());
}

TEST(List, TakesAnotherList) {
  Node a('a'), b('b'), c('c');
  List<Node> one;
  List<Node> two;
  one.push_back(a);
  two.push_back(b);
  two.push_back(c);
  one.take(two);
  EXPECT_EQ(names(one), "abc");
  EXPECT_TRUE(two.empty());
}

TEST(List, ANodeThatDiesLeavesItsList) {
  List<Node> list;
  Node a('a');
  auto b = std::make_unique<Node>('b');
  list.push_back(*b);
  list.push_back(a);
  b.reset();
  EXPECT_EQ(names(list), "a");
}

TEST(List, NodesOutliveTheirList) {
  Node a('a'), b('b');
  {
    List<Node> list;
    list.push_back(a);
    list.push_back(b);
  }
  a.unlink();
  EXPECT_FALSE(a.linked());
  EXPECT_FALSE(b.linked());
}

}  // namespace
}  // namespace gatehouse
