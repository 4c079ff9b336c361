#include "control/access_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "control/worker_sink.h"

namespace gatehouse::control {
namespace {

using gateway::RequestRecord;
namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "access_log_XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  std::string file(std::string_view name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

config::LogSpec spec_to(const std::string& to) {
  config::LogSpec spec;
  spec.to = config::Secret::plain(to);
  return spec;
}

RequestRecord record(std::string_view path, std::uint16_t status = 200) {
  RequestRecord r;
  r.method = "GET";
  r.path = path;
  r.status = status;
  return r;
}

bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 500; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return holds();
}

// ---- the file ------------------------------------------------------------------------------------------

TEST(AccessLogThread, WorkersWriteWholeLinesToAFile) {
  Folder folder;
  constexpr unsigned kWorkers = 3;
  constexpr int kRequests = 20'000;
  AccessLog log({.workers = kWorkers, .wake = 1ms});
  ASSERT_TRUE(log.configure(spec_to(folder.file("log"))));
  std::vector<std::thread> threads;
  threads.reserve(kWorkers);
  for (unsigned w = 0; w < kWorkers; ++w) {
    threads.emplace_back([&log, w] {
      WorkerSink sink(log, w, w);
      for (int i = 0; i < kRequests; ++i) {
        const std::string path = "/" + std::to_string(w) + "/" + std::to_string(i);
        sink.record(record(path));
        if (i % 1000 == 0) std::this_thread::sleep_for(2ms);
      }
    });
  }
  for (auto& t : threads) t.join();
  log.stop();
  const auto lines = lines_of(folder.file("log"));
  EXPECT_EQ(lines.size(), log.lines());
  EXPECT_EQ(log.lines() + log.lost(), std::uint64_t{kWorkers} * kRequests);
  simdjson::dom::parser parser;
  std::set<std::string> paths;
  for (const std::string& line : lines) {
    std::string_view path;
    ASSERT_EQ(parser.parse(line)["path"].get(path), simdjson::SUCCESS) << line;
    paths.emplace(path);
  }
  EXPECT_EQ(paths.size(), lines.size());
}

TEST(AccessLog, LinesWaitForTheFirstConfiguration) {
  Folder folder;
  AccessLog log({.wake = 1ms});
  WorkerSink sink(log, 0, 1);
  sink.record(record("/early"));
  std::this_thread::sleep_for(20ms);
  ASSERT_TRUE(log.configure(spec_to(folder.file("log"))));
  EXPECT_TRUE(eventually([&] { return lines_of(folder.file("log")).size() == 1; }));
  EXPECT_EQ(log.lost(), 0u);
}

TEST(AccessLog, ALineIsThereSoonWithoutANextOne) {
  Folder folder;
  AccessLog log({});
  ASSERT_TRUE(log.configure(spec_to(folder.file("log"))));
  WorkerSink sink(log, 0, 1);
  for (std::size_t i = 1; i <= 5; ++i) {
    sink.record(record("/x"));
    EXPECT_TRUE(eventually([&] { return lines_of(folder.file("log")).size() == i; }));
  }
}

// One that dozes for an hour at a time, and does so whenever it has seen to everything.
class DozingWriter : public ::testing::Test {
 protected:
  DozingWriter() {
    EXPECT_TRUE(log.configure(spec_to(folder.file("log"))));
    EXPECT_TRUE(dozes());
  }
  bool dozes() {
    return eventually([this] { return log.dozes(); });
  }
  void put_without_a_nudge() {
    constexpr std::string_view kLine = "{}\n";
    log.channel(0).commit(std::ranges::copy(kLine, log.channel(0).begin(kLine.size())).out);
    ++put_;
  }
  bool is_written(const char* file = "log") { return lines_of(folder.file(file)).size() == put_; }
  // Nudged again until it is: one in the moment in which it dozes off is lost.
  bool nudged(const std::function<bool()>& holds) {
    return eventually([&] {
      if (holds()) return true;
      log.nudge();
      return false;
    });
  }
  Folder folder;
  AccessLog log{{.awake = 0s, .doze = 1h}};

 private:
  std::size_t put_ = 0;
};

TEST_F(DozingWriter, IsWokenByANudgeAlone) {
  // Not in every turn: the last nudge may still be on its way.
  EXPECT_TRUE(eventually([&] {
    put_without_a_nudge();
    std::this_thread::sleep_for(50ms);
    const bool slept = !is_written();
    EXPECT_TRUE(nudged([&] { return is_written(); }));
    return slept && dozes();
  }));
}

TEST_F(DozingWriter, IsWokenByAReopening) {
  fs::rename(folder.file("log"), folder.file("log.1"));
  log.reopen();
  EXPECT_TRUE(nudged([&] { return fs::exists(folder.file("log")); }));
}

TEST_F(DozingWriter, IsWokenByAnotherTarget) {
  put_without_a_nudge();
  ASSERT_TRUE(log.configure(spec_to(folder.file("other"))));
  EXPECT_TRUE(eventually([&] { return is_written() || is_written("other"); }));
}

TEST_F(DozingWriter, IsToldToStop) {
  put_without_a_nudge();
  log.stop();
  EXPECT_TRUE(is_written());
}

TEST_F(DozingWriter, IsWokenByALine) {
  WorkerSink sink(log, 0, 1);
  EXPECT_TRUE(eventually([&] {
    if (log.dozes()) sink.record(record("/x"));
    return lines_of(folder.file("log")).size() >= 3;
  }));
}

TEST(AccessLog, ATargetThatCannotBeOpenedChangesNothing) {
  Folder folder;
  AccessLog log({.wake = 1ms});
  ASSERT_TRUE(log.configure(spec_to(folder.file("log"))));
  auto refused = log.configure(spec_to(folder.file("none/log")));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(), testing::HasSubstr("No such file or directory"));
  WorkerSink sink(log, 0, 1);
  sink.record(record("/x"));
  log.stop();
  EXPECT_EQ(lines_of(folder.file("log")).size(), 1u);
}

TEST(AccessLog, Rotation) {
  Folder folder;
  AccessLog log({.wake = 1ms});
  ASSERT_TRUE(log.configure(spec_to(folder.file("log"))));
  WorkerSink sink(log, 0, 1);
  sink.record(record("/before"));
  ASSERT_TRUE(eventually([&] { return lines_of(folder.file("log")).size() == 1; }));
  fs::rename(folder.file("log"), folder.file("log.1"));
  sink.record(record("/between"));  // the old file is still open
  ASSERT_TRUE(eventually([&] { return lines_of(folder.file("log.1")).size() == 2; }));
  log.reopen();
  ASSERT_TRUE(eventually([&] { return fs::exists(folder.file("log")); }));
  sink.record(record("/after"));
  log.stop();
  EXPECT_EQ(lines_of(folder.file("log.1")).size(), 2u);
  EXPECT_EQ(lines_of(folder.file("log")).size(), 1u);
  EXPECT_EQ(log.lost(), 0u);
}

TEST(AccessLog, ARotationThatFailsKeepsTheOldFile) {
  Folder folder;
  fs::create_directory(folder.file("d"));
  std::string told;
  std::mutex lock;
  AccessLog log({.wake = 1ms, .on_trouble = [&](std::string_view what) {
                   std::lock_guard hold(lock);
                   told = what;
                 }});
  ASSERT_TRUE(log.configure(spec_to(folder.file("d/log"))));
  fs::rename(folder.file("d"), folder.file("e"));
  log.reopen();
  ASSERT_TRUE(eventually([&] {
    std::lock_guard hold(lock);
    return !told.empty();
  }));
  WorkerSink sink(log, 0, 1);
  sink.record(record("/x"));
  log.stop();
  EXPECT_EQ(lines_of(folder.file("e/log")).size(), 1u);
}

TEST(AccessLog, AFullDiskLosesLinesAndCountsThem) {
  int told = 0;
  AccessLog log({.wake = 1ms, .on_trouble = [&](std::string_view what) {
                   ++told;
                   EXPECT_THAT(std::string(what), testing::HasSubstr("No space left on device"));
                 }});
  ASSERT_TRUE(log.configure(spec_to("/dev/full")));
  WorkerSink sink(log, 0, 1);
  for (int i = 0; i < 1000; ++i) sink.record(record("/x"));
  EXPECT_TRUE(eventually([&] { return log.lost() == 1000; }));
  log.stop();
  EXPECT_EQ(log.lines(), 1000u);
  EXPECT_EQ(log.lost(), 1000u);
  EXPECT_EQ(told, 1);  // not once a line
}

// The limit of the file's size cuts a write in the middle of a line, as a disk does that fills up. SIGXFSZ is
// ignored and the limit lifted again: the rest of the line comes first, then whole lines.
TEST(AccessLog, ALineThatIsCutByAFullDiskIsEndedLater) {
  Folder folder;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = 1000, .rlim_max = before.rlim_max};
  AccessLog log({.wake = 1ms});
  ASSERT_TRUE(log.configure(spec_to(folder.file("log"))));
  WorkerSink sink(log, 0, 1);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  for (int i = 0; i < 100; ++i) sink.record(record("/x" + std::to_string(i)));
  EXPECT_TRUE(eventually([&] { return log.lost() > 90; }));
  EXPECT_EQ(fs::file_size(folder.file("log")), 1000u);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  sink.record(record("/again"));
  log.stop();
  std::signal(SIGXFSZ, handler);
  const auto lines = lines_of(folder.file("log"));
  EXPECT_EQ(lines.size() + log.lost(), 101u);
  EXPECT_THAT(lines.back(), testing::HasSubstr("/again"));
  simdjson::dom::parser parser;
  for (const std::string& line : lines) EXPECT_EQ(parser.parse(line).error(), simdjson::SUCCESS) << line;
}

// ---- standard output ------------------------------------------------------------------------------------

class Pipe {
 public:
  explicit Pipe(bool socket = false) {
    if (socket) {
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_), 0);
    } else {
      EXPECT_EQ(::pipe(ends_), 0);
    }
  }
  ~Pipe() {
    close_reader();
    ::close(ends_[1]);
  }
  int writer() const { return ends_[1]; }
  void close_reader() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }
  std::string read_some() {
    std::array<char, 65536> buffer;
    ssize_t n = ::read(ends_[0], buffer.data(), buffer.size());
    return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : std::string();
  }

 private:
  int ends_[2];
};

// A reader that sleeps while the worker logs more than pipe and buffers hold: the worker is never held up,
// what is lost is counted, and what arrives is whole.
void slow_reader(bool socket) {
  Pipe pipe(socket);
  constexpr int kRequests = 20'000;
  AccessLog log({.half_bytes = 1 << 20, .wake = 1ms, .patience = 10s, .stdout_fd = pipe.writer()});
  ASSERT_TRUE(log.configure(spec_to("stdout")));
  WorkerSink sink(log, 0, 1);
  const auto before = std::chrono::steady_clock::now();
  for (int i = 0; i < kRequests; ++i) {
    sink.record(record("/x"));
    if (i % 500 == 0) std::this_thread::sleep_for(1ms);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - before, 60s);  // it would be for ever
  EXPECT_GT(log.lost(), 0u);
  EXPECT_EQ(::fcntl(pipe.writer(), F_GETFL) & O_NONBLOCK, 0) << "others that share it would notice";
  std::string all;
  std::atomic<bool> over = false;
  std::atomic<std::uint64_t> heard = 0;
  std::thread reader([&] {
    while (!over) {
      const std::string some = pipe.read_some();
      all += some;
      heard += static_cast<std::uint64_t>(std::ranges::count(some, '\n'));
    }
  });
  EXPECT_TRUE(eventually([&] { return heard == log.lines(); }));
  log.stop();
  over = true;
  EXPECT_EQ(::write(pipe.writer(), "end", 3), 3);
  reader.join();
  all.resize(all.size() - 3);
  EXPECT_EQ(static_cast<std::uint64_t>(std::ranges::count(all, '\n')), log.lines());
  EXPECT_EQ(log.lines() + log.lost(), static_cast<std::uint64_t>(kRequests));
  simdjson::dom::parser parser;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = all.find('\n', at);
    ASSERT_NE(end, all.npos);
    ASSERT_EQ(parser.parse(all.substr(at, end - at)).error(), simdjson::SUCCESS);
    at = end + 1;
  }
}

TEST(AccessLog, ASlowPipeLosesWholeLines) { slow_reader(false); }
TEST(AccessLog, ASlowSocketLosesWholeLines) { slow_reader(true); }

TEST(AccessLog, APipeThatNobodyReadsDoesNotHoldUpTheEnd) {
  Pipe pipe;
  AccessLog log({.wake = 1ms, .patience = 100ms, .stdout_fd = pipe.writer()});
  ASSERT_TRUE(log.configure(spec_to("stdout")));
  WorkerSink sink(log, 0, 1);
  for (int i = 0; i < 5000; ++i) sink.record(record("/x"));
  const auto before = std::chrono::steady_clock::now();
  log.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 20s);  // it would be for ever
  EXPECT_GT(log.lost(), 0u);
}

TEST(AccessLog, AReaderThatIsGoneLosesLinesAndNoMore) {
  Pipe pipe;
  AccessLog log({.wake = 1ms, .stdout_fd = pipe.writer()});
  ASSERT_TRUE(log.configure(spec_to("stdout")));
  pipe.close_reader();
  WorkerSink sink(log, 0, 1);
  for (int i = 0; i < 100; ++i) sink.record(record("/x"));
  EXPECT_TRUE(eventually([&] { return log.lost() == 100; }));
}

// `gatehouse run > file`: its offset is shared with the shell, so it is not opened anew.
TEST(AccessLog, AFileAsStandardOutputIsContinued) {
  Folder folder;
  int fd = ::open(folder.file("out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(::write(fd, "first\n", 6), 6);
  {
    AccessLog log({.wake = 1ms, .stdout_fd = fd});
    ASSERT_TRUE(log.configure(spec_to("stdout")));
    WorkerSink sink(log, 0, 1);
    sink.record(record("/x"));
    log.stop();
  }
  ASSERT_EQ(::write(fd, "last\n", 5), 5);
  ::close(fd);
  const auto lines = lines_of(folder.file("out"));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], "first");
  EXPECT_EQ(lines[2], "last");
}

// ---- what is logged --------------------------------------------------------------------------------------

TEST(LogPlan, SampleAndKeep) {
  Random random(1);
  config::LogSpec spec;
  EXPECT_TRUE(LogPlan(spec).wants(record("/"), random));
  spec.sample = 0.0;
  EXPECT_FALSE(LogPlan(spec).wants(record("/", 500), random));
  spec.keep = {"errors"};
  RequestRecord broken = record("/");
  broken.failed = true;
  RequestRecord slow = record("/");
  slow.total = 1s;
  EXPECT_TRUE(LogPlan(spec).wants(record("/", 500), random));
  EXPECT_TRUE(LogPlan(spec).wants(broken, random));
  EXPECT_FALSE(LogPlan(spec).wants(record("/", 404), random));
  EXPECT_FALSE(LogPlan(spec).wants(record("/"), random));
  EXPECT_FALSE(LogPlan(spec).wants(slow, random));
  spec.keep = {"slow"};
  EXPECT_TRUE(LogPlan(spec).wants(slow, random));
  EXPECT_FALSE(LogPlan(spec).wants(broken, random));
  spec.sample = 0.25;
  int taken = 0;
  const LogPlan quarter(spec);
  for (int i = 0; i < 100'000; ++i) taken += quarter.wants(record("/"), random);
  EXPECT_NEAR(taken, 25'000, 1000);
}

TEST(AccessLogThread, TheConfigurationChangesWhileWorkersLog) {
  Folder folder;
  AccessLog log({.wake = 1ms});
  config::LogSpec one = spec_to(folder.file("one"));
  config::LogSpec two = spec_to(folder.file("two"));
  two.fields = {"path"};
  ASSERT_TRUE(log.configure(one));
  std::atomic<bool> stop = false;
  std::uint64_t asked = 0;
  std::thread worker([&] {
    WorkerSink sink(log, 0, 1);
    for (; !stop; ++asked) sink.record(record("/x"));
  });
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(log.configure(i % 2 ? one : two));
    if (i % 5 == 0) log.reopen();
    std::this_thread::sleep_for(1ms);
  }
  stop = true;
  worker.join();
  log.stop();
  EXPECT_EQ(log.lines() + log.lost(), asked);
  EXPECT_EQ(lines_of(folder.file("one")).size() + lines_of(folder.file("two")).size(), log.lines());
}

}  // namespace
}  // namespace gatehouse::control
