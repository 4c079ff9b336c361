#include "control/diagnostic_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <simdjson.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace gatehouse::control {
namespace {

struct FixedClock final : Clock {
  Time now() const noexcept override { return {}; }
  WallTime wall() const noexcept override { return WallTime(951'827'696'789'012'999ns); }
};

class DiagnosticLogTest : public testing::Test {
 protected:
  DiagnosticLogTest() { EXPECT_EQ(::pipe(ends_.data()), 0); }
  ~DiagnosticLogTest() override {
    ::close(ends_[0]);
    if (ends_[1] >= 0) ::close(ends_[1]);
  }
  DiagnosticLog& open(DiagnosticLog::Format format) { return log_.emplace(clock_, format, ends_[1]); }
  std::string written() {
    log_.reset();
    ::close(std::exchange(ends_[1], -1));
    std::string all;
    std::array<char, 4096> buffer;
    for (ssize_t n; (n = ::read(ends_[0], buffer.data(), buffer.size())) > 0;)
      all.append(buffer.data(), static_cast<std::size_t>(n));
    return all;
  }
  FixedClock clock_;
  std::array<int, 2> ends_{};
  std::optional<DiagnosticLog> log_;
};

TEST_F(DiagnosticLogTest, Text) {
  DiagnosticLog& log = open(DiagnosticLog::Format::text);
  log.warning("service name not resolved",
              {{"service", "pay-a"}, {"tries", 3}, {"text", "two words"}, {"none", ""}});
  log.error("a\nb \"c\"");
  EXPECT_EQ(written(),
            "2000-02-29T12:34:56.789012Z warning service name not resolved service=pay-a tries=3 text=\"two "
            "words\" "
            "none=\"\"\n2000-02-29T12:34:56.789012Z error a\\nb \\\"c\\\"\n");
}

TEST_F(DiagnosticLogTest, Json) {
  DiagnosticLog& log = open(DiagnosticLog::Format::json);
  std::string every;
  for (int c = 0; c < 128; ++c) every += static_cast<char>(c);
  log.info(every, {{"key", every}, {"n", -5}});
  const std::string line = written();
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  simdjson::dom::parser parser;
  auto parsed = parser.parse(line);
  ASSERT_EQ(parsed.error(), simdjson::SUCCESS) << line;
  EXPECT_EQ(std::string_view(parsed["message"]), every);
  EXPECT_EQ(std::string_view(parsed["key"]), every);
  EXPECT_EQ(std::int64_t(parsed["n"]), -5);
  EXPECT_EQ(std::string_view(parsed["level"]), "info");
  EXPECT_EQ(std::string_view(parsed["time"]), "2000-02-29T12:34:56.789012Z");
}

TEST_F(DiagnosticLogTest, LevelChangesAtRunTime) {
  DiagnosticLog& log = open(DiagnosticLog::Format::text);
  log.debug("1");
  log.set_level(Severity::error);
  log.warning("2");
  log.set_level(Severity::debug);
  log.debug("3");
  EXPECT_EQ(written(), "2000-02-29T12:34:56.789012Z debug 3\n");
}

TEST_F(DiagnosticLogTest, ThreadsWriteWholeLines) {
  DiagnosticLog& log = open(DiagnosticLog::Format::text);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) log.info("a line of this thread and of no other");
    });
  for (auto& t : threads) t.join();
  const std::string all = written();
  const std::string line = "2000-02-29T12:34:56.789012Z info a line of this thread and of no other\n";
  ASSERT_EQ(all.size(), 400 * line.size());
  for (std::size_t i = 0; i < 400; ++i) EXPECT_EQ(all.substr(i * line.size(), line.size()), line);
}

// A reader that has stopped: who writes goes on, and what comes out later is whole lines.
TEST_F(DiagnosticLogTest, AReaderThatHasStoppedHoldsNobodyUp) {
  DiagnosticLog& log = open(DiagnosticLog::Format::text);
  const std::string text(5000, 'x');  // longer than what a pipe takes as one
  constexpr std::uint64_t kLines = 100;
  for (std::uint64_t i = 0; i < kLines; ++i) log.info(text);
  const std::uint64_t lost = log.lost();
  EXPECT_GT(lost, 0U);
  EXPECT_LT(lost, kLines);
  std::string all(65'536, '\0');
  const ssize_t n = ::read(ends_[0], all.data(), all.size());
  ASSERT_GT(n, 0);
  all.resize(static_cast<std::size_t>(n));
  log.info("again");
  EXPECT_EQ(log.lost(), lost);
  all += written();
  const std::string line = "2000-02-29T12:34:56.789012Z info " + text + "\n";
  std::string whole;
  for (std::uint64_t i = lost; i < kLines; ++i) whole += line;
  EXPECT_TRUE(all == whole + "2000-02-29T12:34:56.789012Z info again\n") << all.size() << " " << whole.size();
}

TEST_F(DiagnosticLogTest, TheDescriptorOfOthersStaysAsItIs) {
  open(DiagnosticLog::Format::text).info("x");
  EXPECT_EQ(::fcntl(ends_[1], F_GETFL) & O_NONBLOCK, 0);
}

TEST(DiagnosticLevels, Names) {
  for (Severity s : {Severity::debug, Severity::info, Severity::warning, Severity::error})
    EXPECT_EQ(level_of(level_name(s)), s);
  EXPECT_FALSE(level_of("Error"));
  EXPECT_FALSE(level_of(""));
}

}  // namespace
}  // namespace gatehouse::control
