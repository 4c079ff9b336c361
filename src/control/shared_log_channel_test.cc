#include "control/shared_log_channel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

namespace gatehouse::control {
namespace {

void put(LogChannel& channel, std::string_view line) {
  char* p = channel.begin(line.size());
  if (p) channel.commit(std::ranges::copy(line, p).out);
}

TEST(LogChannel, LinesComeOutInOrderAcrossHalves) {
  LogChannel channel(64);
  std::string in;
  std::string out;
  for (int i = 0; i < 1000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    in += line;
    put(channel, line);
    if (i % 3 == 0) {
      for (auto lines = channel.pending(); !lines.empty(); lines = channel.pending()) {
        out += lines;
        channel.take(lines.size());
      }
    }
  }
  while (!channel.pending().empty()) {
    out += channel.pending();
    channel.take(channel.pending().size());
  }
  EXPECT_EQ(in, out);
  EXPECT_EQ(channel.lines(), 1000u);
  EXPECT_EQ(channel.lost(), 0u);
}

TEST(LogChannel, WithoutAReaderLinesAreLostAndCounted) {
  LogChannel channel(32);
  for (int i = 0; i < 20; ++i) put(channel, "0123456789\n");
  EXPECT_EQ(channel.lines(), 4u);  // two in each half
  EXPECT_EQ(channel.lost(), 16u);
  EXPECT_EQ(channel.begin(33), nullptr);  // fits no half
  std::string out;
  for (auto lines = channel.pending(); !lines.empty(); lines = channel.pending()) {
    out += lines;
    channel.take(lines.size());
  }
  EXPECT_EQ(out, "0123456789\n0123456789\n0123456789\n0123456789\n");
  put(channel, "again\n");
  EXPECT_EQ(channel.pending(), "again\n");
}

TEST(LogChannelThread, WhatIsNotLostArrivesWholeAndInOrder) {
  constexpr std::uint64_t kLines = 200'000;
  LogChannel channel(4096);
  std::thread worker([&] {
    for (std::uint64_t i = 0; i < kLines; ++i) {
      const std::string line = std::to_string(i) + std::string(i % 61, 'x') + "\n";
      put(channel, line);
    }
  });
  std::uint64_t next = 0;
  std::uint64_t got = 0;
  auto read = [&] {
    std::string_view lines = channel.pending();
    const std::size_t all = lines.size();
    while (!lines.empty()) {
      const std::string line(lines.substr(0, lines.find('\n')));
      lines.remove_prefix(line.size() + 1);
      const std::uint64_t i = std::stoull(line);
      ASSERT_GE(i, next);
      ASSERT_EQ(line, std::to_string(i) + std::string(i % 61, 'x'));
      next = i + 1;
      ++got;
    }
    channel.take(all);
  };
  while (channel.lines() + channel.lost() < kLines) read();
  worker.join();
  while (!channel.pending().empty()) read();
  EXPECT_EQ(got, channel.lines());
  EXPECT_EQ(got + channel.lost(), kLines);
}

}  // namespace
}  // namespace gatehouse::control
