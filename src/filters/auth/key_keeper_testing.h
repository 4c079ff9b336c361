// A keeper of keys with its issuer, disk and clock in memory: for its tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/loader.h"
#include "filters/auth/key_keeper.h"
#include "filters/auth/key_source.h"
#include "filters/auth/keys_testing.h"
#include "gateway/snapshot.h"
#include "net/fake_resolver.h"

namespace gatehouse::filters::testing {

// Puts sources into a snapshot, as the filter does.
class SourcesKind final : public gateway::FilterKind {
 public:
  explicit SourcesKind(std::shared_ptr<KeySources> sources) : sources_(std::move(sources)) {}
  std::string_view name() const noexcept override { return "sources"; }
  void compile(const gateway::ListenerContext& c, gateway::ListenerChain&,
               config::Diagnostics&) const override {
    c.filters.shared<KeySources>([this] { return sources_; });
  }

 private:
  std::shared_ptr<KeySources> sources_;
};

class KeeperTest : public ::testing::Test {
 protected:
  KeeperTest() {
    issuer.answer = [this](const std::string&) { return down ? std::string() : http_answer(set, fields); };
    start();
  }
  // As after a restart: the disk and the ring's like are all that is left.
  void start() {
    task.cancel();
    keeper.reset();
    client = std::make_unique<upstream::Client>(host.loop, host.network);
    keeper = key_keeper(
        {.loop = host.loop,
         .resolver = resolver,
         .client = *client,
         .log = [this](Severity, const std::string& line) { log.push_back(line); },
         .recall = [this](std::string name) -> net::Task<std::optional<std::string>> {
           return recall(std::move(name));
         },
         .keep = [this](std::string name,
                        std::string content) { return keep(std::move(name), std::move(content)); }});
  }
  net::Task<std::optional<std::string>> recall(std::string name) {
    auto f = files.find(name);
    co_return f == files.end() ? std::nullopt : std::optional(f->second);
  }
  net::Task<bool> keep(std::string name, std::string content) {
    ++writing;
    EXPECT_EQ(writing, 1) << "one at a time";
    if (disk_wait > Duration::zero()) co_await net::sleep_for(host.loop, disk_wait);
    --writing;
    if (!disk_full) files[name] = content;
    ++writes;
    co_return !disk_full;
  }

  static KeySource url_source(std::string name = "main") {
    KeySource s;
    s.name = std::move(name);
    s.issuer = "http://127.0.0.1";
    s.shown = s.issuer;
    s.jwks = config::WebUrl{
        .shown = "http://127.0.0.1/keys", .host = "127.0.0.1", .port = 80, .tls = false, .target = "/keys"};
    s.ring = std::make_shared<SharedKeyRing>();
    return s;
  }
  static std::shared_ptr<const gateway::Snapshot> snapshot_of(std::vector<KeySource> sources) {
    auto all = std::make_shared<KeySources>();
    all->all = std::move(sources);
    std::vector<std::unique_ptr<gateway::FilterKind>> kinds;
    kinds.push_back(std::make_unique<SourcesKind>(std::move(all)));
    gateway::StateRegistry registry;
    config::Environment environment;
    environment.variable = [](const std::string&) { return std::nullopt; };
    environment.read_file = [](const std::string&) { return std::nullopt; };
    environment.glob = [](const std::string&) { return std::vector<std::string>{}; };
    auto loaded =
        config::load_text("routes: [{path: /, reply: {status: 200, body: x}}]\n", "g.yaml", environment);
    auto spec = std::make_shared<const config::Spec>(std::move(*loaded.spec));
    return *gateway::Snapshot::compile(spec, registry, kinds);
  }
  // As control does it.
  void apply(std::vector<KeySource> sources) {
    auto snapshot = snapshot_of(std::move(sources));
    task = keeper->recall(snapshot);
    world.run_until([&] { return task.done(); }, 1s);
    keeper->apply(snapshot);
  }
  static std::string in_force(const KeySource& s) { return kids(s.ring->keys()->keys); }
  // Somebody waits for a round that starts from now on; when it ended, and how.
  struct Waited {
    Duration took{};
    bool good = false;
    bool ended = false;
  };
  Waited wait_for_round(const KeySource& s, Duration at_most = 30s) {
    const Time began = host.loop.now();
    const std::uint64_t arrived = s.ring->started();
    s.ring->demand();
    Waited w;
    w.ended = world.run_until([&] { return s.ring->ended() > arrived; }, at_most);
    w.took = host.loop.now() - began;
    w.good = s.ring->last_good() > arrived;
    return w;
  }
  gateway::CommandResult command(std::string verb, std::string issuer_name, std::string kid) {
    std::optional<gateway::CommandResult> out;
    auto run = [](gateway::BackgroundTask& t, gateway::Command c,
                  std::optional<gateway::CommandResult>& result) -> net::Task<void> {
      result = co_await t.command(std::move(c));
    };
    auto t = run(*keeper,
                 {.verb = std::move(verb),
                  .arguments = {{"issuer", std::move(issuer_name)}, {"kid", std::move(kid)}},
                  .who = "ann"},
                 out);
    world.run_until([&] { return out.has_value(); }, 1min);
    return out.value_or(std::unexpected("it never ended"));
  }
  std::size_t requests_in(Duration d) {
    issuer.requests.clear();
    world.run_for(d);
    return issuer.requests.size();
  }
  bool logged(std::string_view part) const {
    return std::ranges::any_of(log, [&](const std::string& l) { return l.contains(part); });
  }

  net::MemoryWorld world{1};
  net::MemoryHost host{world};
  net::FakeResolver resolver{host.loop};
  FakeIssuer issuer{world};
  std::string set = test_set("a");
  std::string fields;
  bool down = false;
  std::map<std::string, std::string> files;
  bool disk_full = false;
  Duration disk_wait{};
  int writing = 0;
  int writes = 0;
  std::vector<std::string> log;
  std::unique_ptr<upstream::Client> client;
  std::unique_ptr<gateway::BackgroundTask> keeper;
  net::Task<void> task;
};

}  // namespace gatehouse::filters::testing
