// The small parts of control: files, tokens, JSON, offload.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <simdjson.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/json_text.h"
#include "control/admin_access.h"
#include "control/after_peak.h"
#include "control/file_watch.h"
#include "control/offload.h"
#include "control/source.h"
#include "control/state_folder.h"
#include "net/epoll.h"
#include "net/tcp.h"

namespace gatehouse::control {
namespace {

namespace fs = std::filesystem;

class Files : public ::testing::Test {
 protected:
  Files() {
    std::string pattern = (fs::temp_directory_path() / "control-test-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  ~Files() override { fs::remove_all(folder); }
  void write(const std::string& name, std::string_view text) { std::ofstream(folder / name) << text; }
  fs::path folder;
};

// ---- memory after a peak

TEST(AfterPeak, IsOnceForEachPeakWhenHalfOfItIsGone) {
  AfterPeak peak;
  EXPECT_FALSE(peak.look(4000));
  EXPECT_FALSE(peak.look(2001));
  EXPECT_TRUE(peak.look(2000));
  EXPECT_FALSE(peak.look(2000));
  EXPECT_FALSE(peak.look(1001));
  EXPECT_TRUE(peak.look(300));
  EXPECT_TRUE(peak.look(0));
  EXPECT_FALSE(peak.look(0));
}

TEST(AfterPeak, LeavesTheUsualComingAndGoingAlone) {
  AfterPeak peak;
  for (std::uint64_t open : {200U, 0U, 249U, 10U, 100U, 0U}) EXPECT_FALSE(peak.look(open));
}

// ---- state folder

TEST_F(Files, AStateFolderIsMadePrivateAndLocked) {
  std::string path = (folder / "a" / "state").string();
  auto state = StateFolder::open(config::Secret::plain(path));
  ASSERT_TRUE(state) << state.error();
  EXPECT_TRUE(state->writable());
  EXPECT_EQ(fs::status(path).permissions() & fs::perms::all, fs::perms::owner_all);
  auto second = StateFolder::open(config::Secret::plain(path));
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().find("another gateway"), std::string::npos);
  EXPECT_FALSE(*state->read("token"));
  ASSERT_TRUE(state->write("token", "t1"));
  ASSERT_TRUE(state->write("token", "t2"));
  EXPECT_EQ(state->read("token")->value(), "t2");
  EXPECT_EQ(fs::status(path + "/token").permissions() & fs::perms::all,
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Files, AStateFolderOrFileThatOthersMayWriteIsRefused) {
  std::string path = (folder / "state").string();
  {
    auto state = StateFolder::open(config::Secret::plain(path));
    ASSERT_TRUE(state);
    ASSERT_TRUE(state->write("token", "t"));
    fs::permissions(path + "/token", fs::perms::group_write, fs::perm_options::add);
    EXPECT_FALSE(state->read("token"));
    fs::remove(path + "/token");
    fs::create_symlink("/etc/passwd", path + "/token");
    EXPECT_FALSE(state->read("token")) << "a link leads elsewhere";
  }
  fs::permissions(path, fs::perms::others_write, fs::perm_options::add);
  EXPECT_FALSE(StateFolder::open(config::Secret::plain(path)));
}

TEST_F(Files, AFileOfTheStateFolderInPartsIsThereWithTheLast) {
  auto state = StateFolder::open(config::Secret::plain((folder / "state").string()));
  ASSERT_TRUE(state);
  ASSERT_TRUE(state->write("f", "before"));
  const std::string large(300'000, 'x');
  ASSERT_TRUE(state->write("f", "a torn ", {.first = true, .last = false}));
  ASSERT_TRUE(state->write("f", "one, ", {.first = true, .last = false}));
  ASSERT_TRUE(state->write("f", large, {.first = false, .last = false}));
  EXPECT_EQ(state->read("f").value(), "before");
  ASSERT_TRUE(state->write("f", ", three", {.first = false, .last = true}));
  EXPECT_EQ(state->read("f").value(), "one, " + large + ", three");
  EXPECT_FALSE(state->write("g", "no first", {.first = false, .last = true}));
  EXPECT_EQ(state->read("g").value(), std::nullopt);
}

TEST_F(Files, AFileOfTheStateFolderIsReadInParts) {
  const std::string path = (folder / "state").string();
  auto state = StateFolder::open(config::Secret::plain(path));
  ASSERT_TRUE(state);
  EXPECT_EQ(state->open_file("f").value(), nullptr);
  ASSERT_TRUE(state->write("f", "0123456789"));
  const auto file = state->open_file("f").value();
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(file->size(), 10U);
  std::array<char, 4> part{};
  EXPECT_EQ(file->read(3, part), 4U);
  EXPECT_EQ(std::string_view(part.data(), 4), "3456");
  EXPECT_EQ(file->read(8, part), 2U);
  EXPECT_EQ(std::string_view(part.data(), 2), "89");
  EXPECT_EQ(file->read(10, part), 0U);
  EXPECT_EQ(file->read(99, part), 0U);
  EXPECT_EQ(text_of(*file), "0123456789");
  fs::resize_file(path + "/f", 5);
  EXPECT_EQ(text_of(*file), "01234") << "it was longer when it was opened";
  EXPECT_EQ(file->trouble(), "");
}

TEST_F(Files, WhatIsTooLargeOrNotAFileIsNotRead) {
  const std::string path = (folder / "state").string();
  auto state = StateFolder::open(config::Secret::plain(path));
  ASSERT_TRUE(state);
  ASSERT_TRUE(state->write("f", ""));
  fs::resize_file(path + "/f", StateFolder::kLongestFile + 1);  // takes no room
  EXPECT_EQ(state->read("f").error(), path + "/f is refused: it is too large");
  EXPECT_FALSE(state->open_file("f"));
  fs::create_directory(path + "/g");
  EXPECT_EQ(state->read("g").error(), path + "/g is refused: it is not a file");
}

TEST_F(Files, TheTokenIsFoundByCommands) {
  std::string path = (folder / "state").string();
  EXPECT_FALSE(read_admin_token(config::Secret::plain(path)));
  auto state = StateFolder::open(config::Secret::plain(path));
  ASSERT_TRUE(state);
  EXPECT_FALSE(read_admin_token(config::Secret::plain(path)));
  std::string token = random_token();
  EXPECT_EQ(token.size(), 64U);
  EXPECT_NE(token, random_token());
  ASSERT_TRUE(state->write(kTokenFile, token + "\n"));
  EXPECT_EQ(read_admin_token(config::Secret::plain(path)).value(), token);
}

// ---- sources

TEST_F(Files, ASourceKnowsEveryFileItWasMadeOf) {
  write("more.yaml", "services: {b: http://b}\n");
  write("secret", "s3cret");
  write("g.yaml", "include: more.yaml\nroutes: [{path: /x, reply: {body: \"file:" +
                      (folder / "secret").string() + "\"}}]\n");
  Source s = read_source((folder / "g.yaml").string(), config::Environment::system());
  ASSERT_TRUE(s.spec) << s.diagnostics[0].text();
  EXPECT_TRUE(s.includes);
  EXPECT_EQ(s.bytes.size(), 3U);
  Source again = read_source((folder / "g.yaml").string(), config::Environment::system());
  EXPECT_EQ(s.bytes, again.bytes);
  write("secret", "changed");
  EXPECT_NE(s.bytes, read_source((folder / "g.yaml").string(), config::Environment::system()).bytes);
}

TEST_F(Files, SavingReplacesWhatALinkNamesAndKeepsItsMode) {
  write("real.yaml", "old");
  fs::permissions(folder / "real.yaml",
                  fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read);
  fs::create_symlink("real.yaml", folder / "g.yaml");
  EXPECT_EQ(replace_file((folder / "g.yaml").string(), "new"), "");
  EXPECT_TRUE(fs::is_symlink(folder / "g.yaml"));
  std::ifstream in(folder / "real.yaml");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "new");
  EXPECT_EQ(fs::status(folder / "real.yaml").permissions() & fs::perms::all,
            fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read);
  EXPECT_NE(replace_file((folder / "none" / "g.yaml").string(), "new"), "");
}

// ---- file watch

TEST_F(Files, AWatchCoversEveryLinkOnTheWay) {
  fs::create_directory(folder / "..1");
  write("..1/g.yaml", "x");
  fs::create_directory_symlink("..1", folder / "..data");
  fs::create_symlink("..data/g.yaml", folder / "g.yaml");
  WatchPlan plan = plan_watch({(folder / "g.yaml").string(), (folder / "teams/*.yaml").string()});
  EXPECT_EQ(plan[folder.string()], (std::set<std::string>{"..data", "g.yaml"}));
  EXPECT_EQ(plan[(folder / "..1").string()], (std::set<std::string>{"g.yaml"}));
  EXPECT_EQ(plan[(folder / "teams").string()], (std::set<std::string>{"*"}));
}

TEST_F(Files, AWatchTellsOfWritesRenamesAndSwaps) {
  fs::create_directory(folder / "..1");
  fs::create_directory(folder / "..2");
  write("..1/g.yaml", "1");
  write("..2/g.yaml", "2");
  fs::create_directory_symlink("..1", folder / "..data");
  fs::create_symlink("..data/g.yaml", folder / "g.yaml");
  net::SystemClock clock;
  net::EpollPoller poller;
  net::Loop loop(clock, poller, 1);
  int told = 0;
  FileWatch watch(loop, poller, [&] { ++told; });
  // Turns until the count is `n`, or nothing more can be expected.
  int before = 0;
  auto wait_for = [&](int n) {
    Time deadline = after(clock.now(), 5s);
    while (told - before < n && clock.now() < deadline) loop.turn(after(clock.now(), 50ms));
    return told - before;
  };
  watch.watch({(folder / "g.yaml").string()});
  EXPECT_EQ(wait_for(1), 1) << "what was read before it is watched may have changed";
  before = 1;
  write("other", "no concern of ours");
  write("..1/g.yaml", "1b");
  write("..1/g.yaml", "1c");
  EXPECT_EQ(wait_for(1), 1) << "two writes at once are one change";
  fs::create_directory_symlink("..2", folder / "..tmp");
  fs::rename(folder / "..tmp", folder / "..data");
  EXPECT_EQ(wait_for(2), 2) << "Kubernetes swaps the inner link";
  write("..2/new", "2b");
  fs::rename(folder / "..2/new", folder / "..2/g.yaml");
  EXPECT_EQ(wait_for(3), 3) << "a rename where the link now leads";
}

TEST_F(Files, AWatchIsNotPutOffByWhatGoesOnBesideIt) {
  write("g.yaml", "1");
  net::SystemClock clock;
  net::EpollPoller poller;
  net::Loop loop(clock, poller, 1);
  int told = 0;
  FileWatch watch(loop, poller, [&] { ++told; });
  watch.watch({(folder / "g.yaml").string()});
  auto busy = [&](int n, const std::string& name, Duration most) {
    Time deadline = after(clock.now(), most);
    while (told < n && clock.now() < deadline) {
      write(name, "x");
      loop.turn(after(clock.now(), 5ms));
    }
    return told;
  };
  EXPECT_EQ(busy(1, "other", 5s), 1);
  write("g.yaml", "2");
  EXPECT_EQ(busy(2, "other", 5s), 2) << "a file that does not concern us is written all the time";
  EXPECT_EQ(busy(3, "g.yaml", 5s), 3) << "the file itself is written all the time";
}

TEST_F(Files, WithoutInotifyItSaysSoAndLooksAgain) {
  write("g.yaml", "1");
  net::SystemClock clock;
  net::EpollPoller poller;
  net::Loop loop(clock, poller, 1);
  int told = 0;
  std::vector<std::string> said;
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  int free = ::dup(0);
  ::close(free);
  const rlimit none{static_cast<rlim_t>(free), limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  FileWatch watch(loop, poller, [&] { ++told; }, [&](std::string_view what) { said.emplace_back(what); });
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  watch.watch({(folder / "g.yaml").string()});
  Time deadline = after(clock.now(), 20s);
  while (told < 1 && clock.now() < deadline) loop.turn(after(clock.now(), 50ms));
  EXPECT_EQ(told, 1);
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find("cannot be watched"), std::string::npos) << said[0];
}

// ---- admin access

TEST(AdminAccess, TokensAreComparedWhole) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abcabc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("ab", "abc"));
  EXPECT_FALSE(equal_in_constant_time("", "abc"));
  EXPECT_FALSE(equal_in_constant_time("", ""));
  EXPECT_FALSE(equal_in_constant_time("abd", "abc"));
}

TEST(AdminAccess, HostsAndTokensDecide) {
  BlockPool pool;
  Arena arena(pool);
  config::AdminSpec admin;
  admin.hosts = {"gw.example"};
  admin.tokens = {{"deploy", config::Secret::plain("d")}};
  auto refused = [&](std::string_view host) {
    http::RequestHead head(arena);
    head.host = host;
    return !refuse_browser(head, admin).empty();
  };
  for (std::string_view good :
       {"127.0.0.1:9900", "[::1]:9900", "10.0.0.1", "localhost:9900", "GW.example:9900", ""})
    EXPECT_FALSE(refused(good)) << good;
  for (std::string_view bad : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example"})
    EXPECT_TRUE(refused(bad)) << bad;
  auto who = [&](const std::vector<std::string_view>& values) {
    http::RequestHead head(arena);
    for (auto v : values) head.headers.add(http::HeaderId::authorization, v);
    return who_is(head, admin, "random").value_or("nobody");
  };
  EXPECT_EQ(who({"Bearer random"}), "admin");
  EXPECT_EQ(who({"bearer d"}), "deploy");
  EXPECT_EQ(who({"Basic random"}), "nobody");
  EXPECT_EQ(who({"Bearer random", "Bearer d"}), "nobody");
  EXPECT_EQ(who({}), "nobody");
  admin.token = config::Secret::plain("given");
  EXPECT_EQ(who({"Bearer random"}), "nobody");
  EXPECT_EQ(who({"Bearer given"}), "admin");
}

// ---- JSON

TEST(JsonText, IsJsonWhateverTheTextHolds) {
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  JsonText json;
  json.begin_object().field("every", every).field("utf8", "für").field("n", 5).field("b", true);
  json.key("list")
      .begin_array()
      .value("a")
      .begin_object()
      .end_object()
      .value(2.5)
      .null()
      .end_array()
      .end_object();
  std::string text = json.take();
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  ASSERT_FALSE(parser.parse(text).get(root)) << text;
  EXPECT_EQ(std::string_view(root["utf8"]), "für");
  EXPECT_EQ(std::int64_t(root["n"]), 5);
  EXPECT_EQ(root["list"].get_array().size(), 4U);
}

// ---- offload

TEST(OffloadThread, RunsJobsInOrderAndAnswersOnTheLoop) {
  net::SystemClock clock;
  net::EpollPoller poller;
  net::Loop loop(clock, poller, 1);
  ThreadOffload pool(loop);
  std::vector<int> order;  // touched by jobs alone, until all have ended
  std::thread::id elsewhere;
  auto ask = [](Offload& p, net::Loop& l, std::vector<int>& o, std::thread::id& id, int n) -> net::Task<int> {
    co_return co_await offload(p, l, [&o, &id, n] {
      o.push_back(n);
      id = std::this_thread::get_id();
      return n * 2;
    });
  };
  std::vector<net::Task<int>> tasks;
  tasks.reserve(20);
  for (int i = 0; i < 20; ++i) tasks.push_back(ask(pool, loop, order, elsewhere, i));
  while (!tasks.back().done()) loop.turn();
  int sum = 0;
  for (auto& t : tasks) sum += t.take();
  EXPECT_EQ(sum, 380);
  EXPECT_TRUE(std::ranges::is_sorted(order));
  EXPECT_NE(elsewhere, std::this_thread::get_id());
}

TEST(OffloadThread, AWaiterMayGoAway) {
  net::SystemClock clock;
  net::EpollPoller poller;
  net::Loop loop(clock, poller, 1);
  std::atomic<int> ran = 0;
  {
    ThreadOffload pool(loop);
    auto ask = [](Offload& p, net::Loop& l, std::atomic<int>& r) -> net::Task<void> {
      (void)co_await offload(p, l, [&r] { return ++r; });
    };
    for (int i = 0; i < 50; ++i) auto gone = ask(pool, loop, ran);
    auto last = ask(pool, loop, ran);
    while (!last.done()) loop.turn();
  }
  EXPECT_EQ(ran, 51);
}

}  // namespace
}  // namespace gatehouse::control
