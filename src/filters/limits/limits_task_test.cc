#include "filters/limits/limits_task.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/loader.h"
#include "filters/limits/kept_limits.h"
#include "filters/limits/limits_filter.h"
#include "filters/limits/limits_keeper.h"
#include "gateway/exchange_testing.h"
#include "gateway/state_file_testing.h"
#include "net/fake_resolver.h"

namespace gatehouse::filters {
namespace {

using gateway::testing::Fields;
using gateway::testing::ServedRequest;
using ::testing::HasSubstr;
using ::testing::Not;

// One life of a process: a worker, and control with the task of `limits`. They share the clock.
class Life {
 public:
  enum class File : std::uint8_t { stays, loses_its_keys };  // once it has been looked at
  Life(std::map<std::string, std::string>& files, std::string_view limits, File file = File::stays)
      : file_(file), files_(files) {
    kinds_.push_back(limits_filter());
    bench_ = std::make_unique<gateway::testing::Bench>(parse(limits), kinds_);
    bench_->world().run_for(10s);
    resolver_ = std::make_unique<net::FakeResolver>(bench_->loop());
    task_ = limits_task({.loop = bench_->loop(),
                         .resolver = *resolver_,
                         .client = client(),
                         .log = [this](Severity, const std::string& line) { log += line + "\n"; },
                         .recall = {},
                         .recall_parts =
                             [this](std::string name, std::function<void(const gateway::StateFile&)> use) {
                               return recall(std::move(name), std::move(use));
                             },
                         .keep = {},
                         .keep_part =
                             [this](std::string name, std::string part, gateway::FilePart where) {
                               return keep(std::move(name), std::move(part), where);
                             }});
    in_force();
  }
  void load(std::string_view limits) {
    ASSERT_TRUE(bench_->load(parse(limits)));
    in_force();
    bench_->registry().collect();
  }
  // How many of `times` are let through.
  int admitted(int times, std::string_view peer = "192.0.2.1", const Fields& headers = {}) {
    int n = 0;
    for (int i = 0; i < times; ++i) n += ServedRequest(*bench_, "/a", headers, peer).status() == 200 ? 1 : 0;
    return n;
  }
  gateway::CommandResult command(std::string verb, std::string key, std::string limit = {}) {
    auto t = task_->command({.verb = std::move(verb),
                             .arguments = {{"key", std::move(key)}, {"limit", std::move(limit)}},
                             .who = "ann"});
    return t.take();
  }
  std::string show() { return task_->show(); }
  std::string measured() {
    std::vector<gateway::Measurement> all;
    task_->measure(all);
    std::string text;
    for (const auto& m : all) {
      text += limit_metrics()[m.family].name;
      for (const auto& [name, value] : m.labels) text += fmt::format(" {}={}", name, value);
      text += fmt::format(" {}\n", m.value);
    }
    return text;
  }
  void pass(Duration d) { bench_->world().run_for(d); }
  void finish() {
    auto t = task_->finish();
    bench_->world().run_until([&] { return t.done(); }, 1s);
    EXPECT_TRUE(t.done());
  }
  std::string log;
  int writes = 0;

 private:
  static config::Spec parse(std::string_view limits) {
    auto loaded = config::load_text(
        fmt::format("{}\nroutes: [{{path: /*, reply: {{status: 200}}}}]\n", limits), "g.yaml", {});
    EXPECT_TRUE(loaded.spec) << loaded.diagnostics.front().text();
    return loaded.spec ? *loaded.spec : config::Spec{};
  }
  upstream::Client& client() { return bench_->worker().client(); }
  // As control does it.
  void in_force() {
    std::shared_ptr<const gateway::Snapshot> snapshot(std::shared_ptr<void>(), bench_->snapshot());
    auto t = task_->recall(snapshot);
    ASSERT_TRUE(t.done());
    task_->apply(snapshot);
  }
  net::Task<void> recall(std::string name, std::function<void(const gateway::StateFile&)> use) {
    auto f = files_.find(name);
    if (f == files_.end()) co_return;
    if (file_ == File::stays) use(gateway::testing::MemoryFile(f->second));
    if (file_ == File::loses_its_keys) use(LosesItsKeys(f->second));
  }
  // Parts of the size that keys are read in are not there any more.
  class LosesItsKeys final : public gateway::StateFile {
   public:
    explicit LosesItsKeys(const std::string& text) : text_(text) {}
    std::size_t size() const noexcept override { return text_.size(); }
    std::size_t read(std::size_t offset, std::span<char> into) const override {
      const bool keys = offset > 0 && into.size() > 0 && into.size() % KeptLimits::kKeyBytes == 0;
      return keys ? 0 : text_.read(offset, into);
    }

   private:
    gateway::testing::MemoryFile text_;
  };
  net::Task<bool> keep(std::string name, std::string part, gateway::FilePart where) {
    parts_ = where.first ? std::move(part) : parts_ + part;
    if (where.last) files_[name] = parts_;
    writes += where.last ? 1 : 0;
    co_return true;
  }
  const File file_;
  std::string parts_;
  std::map<std::string, std::string>& files_;
  std::vector<std::unique_ptr<gateway::FilterKind>> kinds_;
  std::unique_ptr<gateway::testing::Bench> bench_;
  std::unique_ptr<net::FakeResolver> resolver_;
  std::unique_ptr<gateway::BackgroundTask> task_;
};

class LimitsTaskTest : public ::testing::Test {
 protected:
  static constexpr std::string_view kLimits =
      "limits: {default: 10/min per ip, tenants: 5/min per header.x-tenant, fleet: 100/min}";
  std::map<std::string, std::string> files;
};

TEST_F(LimitsTaskTest, ShowsAllAndWhoWasRefused) {
  Life life(files, kLimits);
  EXPECT_EQ(life.admitted(7, "192.0.2.1", {{"x-tenant", "acme"}}), 5);
  EXPECT_EQ(life.admitted(12, "192.0.2.2"), 5);
  const std::string all = life.show();
  EXPECT_THAT(all, HasSubstr(R"({"name":"default","rate":"10/min","per":"ip","admitted":10,"refused":0)"));
  EXPECT_THAT(
      all, HasSubstr(R"("name":"tenants","rate":"5/min","per":"header.x-tenant","admitted":10,"refused":9)"));
  EXPECT_THAT(
      all,
      HasSubstr(
          R"("name":"fleet","rate":"100/min","admitted":10,"refused":0,"would_refuse":0,"burst":100,"remaining":90)"));
  EXPECT_THAT(all, HasSubstr(R"("most_refused":[{"limit":"tenants","key":"192.0.2.2","refused":7})"));
  EXPECT_THAT(all, HasSubstr(R"("key":"#)"));
  EXPECT_THAT(all, Not(HasSubstr("acme"))) << "what a client sent is not told";
  EXPECT_THAT(life.measured(), HasSubstr("gatehouse_limit_requests limit=tenants result=refused 9"));
}

TEST_F(LimitsTaskTest, ShowsWhatAKeyOwesAndForgetsIt) {
  Life life(files, kLimits);
  life.admitted(4, "192.0.2.1", {{"x-tenant", "acme"}});
  const std::string tenant = *life.command("show", "acme");
  EXPECT_THAT(
      tenant,
      HasSubstr(
          R"("limits":[{"name":"tenants","per":"header.x-tenant","burst":5,"remaining":1,"wait_ms":0,"full_in_ms":48000}])"));
  EXPECT_THAT(*life.command("show", "192.0.2.1"),
              HasSubstr(R"({"name":"default","per":"ip","burst":10,"remaining":6)"));
  EXPECT_THAT(*life.command("show", "192.0.2.9"), HasSubstr(R"("limits":[])"));
  EXPECT_THAT(*life.command("reset", "acme"), HasSubstr("owes nothing any more to `tenants`"));
  EXPECT_THAT(life.log, ::testing::ContainsRegex(
                            "limits: `#[0-9a-f]{16}` owes nothing any more to `tenants` \\(by ann\\)"));
  EXPECT_THAT(life.log, Not(HasSubstr("acme")));
  EXPECT_EQ(life.admitted(9, "192.0.2.1", {{"x-tenant", "acme"}}), 5);
  EXPECT_THAT(*life.command("reset", "192.0.2.1", "default"), HasSubstr("default"));
  EXPECT_THAT(*life.command("reset", "", "fleet"), HasSubstr("fleet"));
  EXPECT_THAT(life.show(), HasSubstr(R"("remaining":100)"));
}

TEST_F(LimitsTaskTest, WhatCannotBeDoneIsSaid) {
  Life life(files, kLimits);
  EXPECT_EQ(life.command("reset", "nobody").error(), "`nobody` owes nothing to any limit");
  EXPECT_EQ(life.command("reset", "a", "flet").error(), "there is no limit `flet`");
  EXPECT_EQ(life.command("reset", "").error(), "reset needs a `key`");
  EXPECT_EQ(life.command("reset", "", "default").error(), "`default` counts per ip: say whose count");
  EXPECT_EQ(life.command("drop", "a").error(), "limits know no command `drop`");
  Life none(files, "");
  EXPECT_EQ(none.command("show", "a").error(), "the configuration has no limits");
  EXPECT_EQ(none.show(), R"({"limits":[],"most_refused":[]})");
  EXPECT_EQ(none.measured(), "");
}

TEST_F(LimitsTaskTest, AChangedLimitKeepsTheCountOfKeysThatNobodyMeets) {
  Life life(files, "limits: {default: 10/min per ip, fleet: 1000/min}");
  EXPECT_EQ(life.admitted(10), 10);
  EXPECT_EQ(life.admitted(5, "192.0.2.2"), 5);
  life.load("limits: {default: 100/min burst 20 per ip, fleet: 1000/min}");
  EXPECT_EQ(life.admitted(99), 10) << "ten of twenty are used";
  EXPECT_EQ(life.admitted(99, "192.0.2.2"), 15);
  // Changed back and forth, more often than there are generations.
  for (int i = 0; i < 40; ++i)
    life.load(fmt::format("limits: {{default: {}/min burst 20 per ip, fleet: 1000/min}}", 50 + i));
  EXPECT_EQ(life.admitted(99), 0);
  EXPECT_EQ(life.admitted(99, "192.0.2.3"), 20);
}

TEST_F(LimitsTaskTest, RemovedAndBackAgainNothingIsForgotten) {
  Life life(files, "limits: {default: 3/min per ip, fleet: 100/h, other: 100/h}");
  EXPECT_EQ(life.admitted(9), 3);
  life.load("limits: {other: 100/h}");
  life.load("");
  life.load("limits: {default: 100/h burst 3 per ip, fleet: 100/h, other: 100/h}");
  EXPECT_EQ(life.admitted(9), 0);
  EXPECT_THAT(life.show(), HasSubstr(R"("burst":100,"remaining":97)"));
}

TEST_F(LimitsTaskTest, ARestartKeepsWhatIsOwed) {
  {
    Life life(files, kLimits);
    EXPECT_EQ(life.admitted(4, "192.0.2.1", {{"x-tenant", "acme"}}), 4);
    EXPECT_EQ(life.writes, 0);
    life.pass(LimitsKeeper::kEvery + 1s);
    EXPECT_EQ(life.writes, 1);
    life.pass(60s);
    EXPECT_EQ(life.writes, 1) << "nothing has changed";
  }
  Life next(files, kLimits);  // its clock begins anew: at the time at which the other wrote
  EXPECT_EQ(next.log, "");
  EXPECT_EQ(next.admitted(9, "192.0.2.1", {{"x-tenant", "acme"}}), 1);
  EXPECT_THAT(next.show(), HasSubstr(R"("remaining":99)")) << "the four of before have come back";
}

TEST_F(LimitsTaskTest, LimitsThatComeWithAReloadFindWhatWasKept) {
  {
    Life life(files, kLimits);
    EXPECT_EQ(life.admitted(4, "192.0.2.1", {{"x-tenant", "acme"}}), 4);
    life.finish();
  }
  Life next(files, "");
  EXPECT_EQ(next.admitted(3), 3);
  next.load(kLimits);
  EXPECT_EQ(next.admitted(9, "192.0.2.1", {{"x-tenant", "acme"}}), 1);
}

TEST_F(LimitsTaskTest, OfAFileThatHasBecomeShorterTheRestIsMissingWithALine) {
  {
    Life life(files, kLimits);
    EXPECT_EQ(life.admitted(4, "192.0.2.1", {{"x-tenant", "acme"}}), 4);
    life.finish();
  }
  Life next(files, kLimits, Life::File::loses_its_keys);
  EXPECT_EQ(next.log, "limits: of what was kept of them the end is missing: the file has become shorter\n");
  EXPECT_EQ(next.admitted(9, "192.0.2.1", {{"x-tenant", "acme"}}), 5);
}

TEST_F(LimitsTaskTest, AtItsEndItKeepsWhatItHasNotYet) {
  {
    Life life(files, kLimits);
    EXPECT_EQ(life.admitted(4, "192.0.2.1", {{"x-tenant", "acme"}}), 4);
    life.finish();
    EXPECT_EQ(life.writes, 1);
    life.finish();
    EXPECT_EQ(life.writes, 1);
  }
  Life next(files, "limits: {tenants: 50/min burst 10 per header.x-tenant, address: 99/s per ip}");
  EXPECT_EQ(next.admitted(19, "192.0.2.1", {{"x-tenant", "acme"}}), 6) << "under other terms, four of ten";
}

TEST_F(LimitsTaskTest, WhatIsTornOrForeignIsIgnoredWithALine) {
  files["limits"] = "gatehouse limits 1\ntorn";
  Life life(files, kLimits);
  EXPECT_EQ(life.log, "limits: what was kept of them is ignored: it is cut off\n");
  EXPECT_EQ(life.admitted(3), 3);
  life.finish();
  Life next(files, kLimits);
  EXPECT_EQ(next.log, "");
  EXPECT_EQ(next.admitted(9), 2) << "of the five without a tenant";
}

}  // namespace
}  // namespace gatehouse::filters
