#include "filters/limits/shared_talkers.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace gatehouse::filters {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNow = 1000 * kSecond;

void note(SharedTalkers& talkers, std::uint64_t who, int times, std::size_t worker = 0,
          std::int64_t now = kNow) {
  for (int i = 0; i < times; ++i) talkers.note(worker, 1, {who, 0}, fmt::format("user{}", who), now);
}

TEST(SharedTalkers, TheOneThatWasRefusedMostComesFirst) {
  SharedTalkers talkers(2);
  note(talkers, 1, 3);
  note(talkers, 2, 5);
  note(talkers, 1, 4, 1);
  const auto top = talkers.top(10, kNow);
  ASSERT_EQ(top.size(), 2U);
  EXPECT_EQ(top[0].shown(), "user1");
  EXPECT_EQ(top[0].refused, 7U) << "of both workers";
  EXPECT_EQ(top[1].refused, 5U);
  EXPECT_EQ(talkers.top(1, kNow).size(), 1U);
}

TEST(SharedTalkers, OneKeyOfTwoLimitsIsTwo) {
  SharedTalkers talkers(1);
  talkers.note(0, 1, {7, 7}, "a", kNow);
  talkers.note(0, 2, {7, 7}, "a", kNow);
  EXPECT_EQ(talkers.top(10, kNow).size(), 2U);
}

TEST(SharedTalkers, AHeavyOneIsNotLostAmongMany) {
  SharedTalkers talkers(1);
  note(talkers, 1, 50);
  for (std::uint64_t who = 100; who < 3000; ++who) {
    note(talkers, who, 1);
    if (who % 20 == 0) note(talkers, 1, 1);
  }
  EXPECT_EQ(talkers.top(1, kNow)[0].shown(), "user1");
  EXPECT_LE(talkers.top(1000, kNow).size(), SharedTalkers::kMost);
}

TEST(SharedTalkers, WhatWasLongAgoFades) {
  SharedTalkers talkers(1);
  note(talkers, 1, 8);
  EXPECT_EQ(talkers.top(9, kNow + 61 * kSecond)[0].refused, 4U);
  EXPECT_EQ(talkers.top(9, kNow + 190 * kSecond)[0].refused, 1U);
  EXPECT_TRUE(talkers.top(9, kNow + 1000 * kSecond).empty());
  note(talkers, 2, 1, 0, kNow + 9000 * kSecond);
  EXPECT_EQ(talkers.top(9, kNow + 9000 * kSecond).size(), 1U);
}

TEST(SharedTalkers, ALongNameIsCut) {
  SharedTalkers talkers(1);
  talkers.note(0, 1, {1, 1}, std::string(1000, 'x'), kNow);
  EXPECT_EQ(talkers.top(1, kNow)[0].shown(), std::string(SharedTalkers::kLongestText, 'x'));
}

TEST(SharedTalkersThreads, WorkersNoteWhileControlReads) {
  SharedTalkers talkers(2);
  std::thread one([&] { note(talkers, 1, 20'000, 0); });
  std::thread other([&] { note(talkers, 2, 20'000, 1); });
  for (int i = 0; i < 200; ++i) EXPECT_LE(talkers.top(9, kNow).size(), 2U);
  one.join();
  other.join();
  for (const auto& t : talkers.top(9, kNow)) EXPECT_LE(t.refused, 20'000U);
}

}  // namespace
}  // namespace gatehouse::filters
