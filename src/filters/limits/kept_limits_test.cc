#include "filters/limits/kept_limits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "gateway/state_file_testing.h"

namespace gatehouse::filters {
namespace {

const SipKey kSecret = {0x1111, 0x2222};
const WallTime kAt = WallTime(Duration(1'777'638'896'000'000'000));

std::string written(int keys = 3) {
  KeptLimitsWriter writer(kSecret, kAt);
  writer.add_limit("default per user", {10, 100}, 0);
  writer.add_limit("fleet", {7, 70}, 33);
  for (int i = 0; i < keys; ++i)
    writer.add_key({{static_cast<std::uint64_t>(i), 99}, static_cast<std::uint32_t>(i % 2), 50 + i});
  return writer.finish();
}
std::string with_sum(std::string text) {
  const std::uint64_t sum = hash64(text);
  text.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return text;
}
std::string without_sum(const std::string& text) {
  return text.substr(0, text.size() - sizeof(std::uint64_t));
}

// What was read, and all keys.
struct Read {
  std::unique_ptr<gateway::testing::MemoryFile> file;
  KeptLimits kept;
  std::vector<KeptKey> keys{};
};
std::expected<Read, std::string> read(std::string text) {
  auto file = std::make_unique<gateway::testing::MemoryFile>(std::move(text));
  auto kept = KeptLimits::read(*file);
  if (!kept) return std::unexpected(kept.error());
  Read read{std::move(file), std::move(*kept)};
  KeptKeys all(read.kept);
  for (auto keys = all.next(); !keys.empty(); keys = all.next())
    read.keys.insert(read.keys.end(), keys.begin(), keys.end());
  return read;
}

TEST(KeptLimits, AreReadAsTheyWereWritten) {
  const std::string text = written();
  const auto got = read(text);
  ASSERT_TRUE(got) << got.error();
  const KeptLimits& kept = got->kept;
  EXPECT_EQ(kept.secret(), kSecret);
  EXPECT_EQ(kept.at(), kAt);
  ASSERT_EQ(kept.limits().size(), 2U);
  EXPECT_EQ(kept.limits()[0].identity, "default per user");
  EXPECT_EQ(kept.limits()[0].portion, (Portion{10, 100}));
  EXPECT_EQ(kept.limits()[1].debt, 33);
  EXPECT_EQ(read(written(0))->keys.size(), 0U);
}

TEST(KeptLimits, KeysAreReadAsTheyWereWritten) {
  for (const int count : {3, 8192, 8193, 20'000}) {
    const auto got = read(written(count));
    ASSERT_EQ(got->kept.keys(), static_cast<std::size_t>(count));
    ASSERT_EQ(got->keys.size(), static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < got->keys.size(); ++i) {
      EXPECT_EQ(got->keys[i].key, (Hash128{i, 99}));
      EXPECT_EQ(got->keys[i].limit, i % 2);
      EXPECT_EQ(got->keys[i].debt, 50 + static_cast<std::int64_t>(i));
    }
  }
}

// One that lost its end after it was looked at.
class Shortened final : public gateway::StateFile {
 public:
  std::size_t size() const noexcept override { return text_.size(); }
  std::size_t read(std::size_t offset, std::span<char> into) const override {
    const std::size_t end = std::min(text_.size(), most_);
    return offset < end ? text_.copy(into.data(), std::min(into.size(), end - offset), offset) : 0;
  }
  void shorten(std::size_t most) { most_ = most; }

 private:
  std::string text_ = written(20'000);
  std::size_t most_ = SIZE_MAX;
};

TEST(KeptLimits, OfAFileThatHasBecomeShorterTheRestIsMissing) {
  Shortened file;
  const auto kept = KeptLimits::read(file);
  ASSERT_TRUE(kept);
  file.shorten(10'000 * KeptLimits::kKeyBytes);
  KeptKeys all(*kept);
  std::size_t count = 0;
  for (auto keys = all.next(); !keys.empty(); keys = all.next()) count += keys.size();
  EXPECT_GT(count, 9'900U);
  EXPECT_LT(count, 10'000U);
  EXPECT_FALSE(KeptLimits::read(file)) << "and nothing of it is used where that is seen in time";
}

TEST(KeptLimits, InPartsItIsTheSame) {
  KeptLimitsWriter writer(kSecret, kAt);
  writer.add_limit("default per user", {10, 100}, 0);
  writer.add_limit("fleet", {7, 70}, 33);
  std::string text;
  for (int i = 0; i < 3; ++i) {
    if (i != 1) text += writer.take();
    writer.add_key({{static_cast<std::uint64_t>(i), 99}, static_cast<std::uint32_t>(i % 2), 50 + i});
  }
  text += writer.take();
  EXPECT_EQ(text + writer.finish(), written());
}

TEST(KeptLimits, WhatIsTornIsNothing) {
  const std::string text = written();
  for (std::size_t size = 0; size < text.size(); ++size) EXPECT_FALSE(read(text.substr(0, size))) << size;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = static_cast<char>(other[i] ^ 0x10);
    EXPECT_FALSE(read(other)) << i;
  }
  EXPECT_FALSE(read(text + "x"));
}

TEST(KeptLimits, WhatIsForeignIsNothing) {
  EXPECT_EQ(read("").error(), "it is no such file of this version");
  EXPECT_EQ(read("{}").error(), "it is no such file of this version");
  EXPECT_EQ(read("gatehouse limits 2\n0123456789").error(), "it is no such file of this version");
  EXPECT_EQ(read("gatehouse limits 1\n").error(), "it is cut off");
  // With a right sum, but impossible.
  std::string text = without_sum(written());
  EXPECT_EQ(read(with_sum(text.substr(0, text.size() - 1))).error(), "it ends in the middle");
  EXPECT_EQ(read(with_sum(text.substr(0, 40))).error(), "it ends in the middle");
  auto with_number = [&](std::size_t at, auto number) {
    std::string other = text;
    std::memcpy(other.data() + at, &number, sizeof number);
    return read(with_sum(other)).error();
  };
  const std::size_t count = std::strlen("gatehouse limits 1\n") + sizeof(SipKey) + 8;
  EXPECT_EQ(with_number(count - 8, std::int64_t{-1}), "it is of an impossible time");
  EXPECT_EQ(with_number(count, std::uint32_t{1'000'000}), "it has too many limits");
  EXPECT_EQ(with_number(count + 4, std::uint32_t{1'000'000}), "a limit's name is too long");
  const std::size_t interval = count + 8 + std::strlen("default per user");
  EXPECT_EQ(with_number(interval, std::int64_t{0}), "a limit in it has impossible numbers");
  EXPECT_EQ(with_number(interval + 8, std::int64_t{5}), "a limit in it has impossible numbers");
  EXPECT_EQ(with_number(interval + 16, std::int64_t{-1}), "a limit in it has impossible numbers");
  EXPECT_EQ(with_number(interval + 16, std::int64_t{101}), "a limit in it has impossible numbers");
}

}  // namespace
}  // namespace gatehouse::filters
