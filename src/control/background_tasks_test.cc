#include "control/background_tasks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/control_testing.h"

namespace gatehouse::control {
namespace {

using testing::Answer;
using ::testing::ElementsAre;
using testing::Gateway;

constexpr std::array<gateway::MetricFamily, 2> kFamilies = {{
    {"gatehouse_test_things", false, "name", "Things"},
    {"gatehouse_test_events", true, "", "Events"},
}};

// Says what was done with it.
struct Seen {
  std::vector<std::string> events;
  std::uint64_t applied = 0;  // version
  gateway::ProcessFacts process;
  bool alive = false;
};

class NotingTask final : public gateway::BackgroundTask {
 public:
  NotingTask(gateway::BackgroundContext context, Seen& seen) : context_(std::move(context)), seen_(seen) {
    seen_.alive = true;
  }
  ~NotingTask() override { seen_.alive = false; }
  std::string_view name() const noexcept override { return "keys"; }
  net::Task<void> recall(std::shared_ptr<const gateway::Snapshot>) override {
    auto text = co_await context_.recall("kept");
    seen_.events.push_back("recalled " + text.value_or("nothing"));
  }
  void apply(const std::shared_ptr<const gateway::Snapshot>& snapshot) override {
    seen_.events.emplace_back("applied");
    seen_.applied = snapshot->version();
  }
  std::string show() const override { return "{\"issuers\":[1]}\n"; }
  net::Task<gateway::CommandResult> command(gateway::Command command) override {
    if (command.argument("kid") == "unknown") co_return std::unexpected("there is no such key");
    bool kept = co_await context_.keep("kept", std::string(command.argument("kid")));
    co_return command.verb + " " + std::string(command.argument("issuer")) + " by " + command.who +
        (kept ? " kept" : " lost");
  }
  void measure(std::vector<gateway::Measurement>& out) const override {
    out.push_back({1, {}, 3});
    out.push_back({0, {{"name", "a\"b"}}, 1.5});
    out.push_back({0, {{"name", "c"}}, 2});
  }

 private:
  gateway::BackgroundContext context_;
  Seen& seen_;
};

class NotingKind final : public gateway::FilterKind {
 public:
  explicit NotingKind(Seen& seen) : seen_(seen) {}
  std::string_view name() const noexcept override { return "noting"; }
  void compile(const gateway::ListenerContext& c, gateway::ListenerChain&,
               config::Diagnostics&) const override {
    seen_.process = c.registry.process();
  }
  std::unique_ptr<gateway::BackgroundTask> background(
      const gateway::BackgroundContext& context) const override {
    return std::make_unique<NotingTask>(context, seen_);
  }
  std::span<const gateway::MetricFamily> metrics() const noexcept override { return kFamilies; }

 private:
  Seen& seen_;
};

constexpr std::string_view kOne = "routes: [{path: /one, reply: {status: 200, body: one}}]\n";
constexpr std::string_view kTwo = "routes: [{path: /two, reply: {status: 200, body: two}}]\n";

class BackgroundTasksTest : public ::testing::Test {
 protected:
  BackgroundTasksTest() {
    Gateway::Kinds kinds;
    kinds.push_back(std::make_unique<NotingKind>(seen));
    gateway =
        std::make_unique<Gateway>(std::string(kOne), std::map<std::string, std::string>{}, std::move(kinds));
  }
  Seen seen;
  std::unique_ptr<Gateway> gateway;
};

TEST_F(BackgroundTasksTest, RecallAndApplyBeforeAnyWorkerHasTheSnapshot) {
  gateway->state["kept"] = "this";
  std::uint64_t workers_version = 0;
  gateway->world.run_for(1ms);
  ASSERT_TRUE(gateway->start());
  EXPECT_THAT(seen.events, ElementsAre("recalled this", "applied"));
  gateway->files["g.yaml"] = kTwo;
  // At each step of the reload: no worker is ahead of the task.
  std::optional<Answer> answer;
  auto t = testing::fetch(gateway->client, Gateway::kAdmin,
                          "POST /reload HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                          "Authorization: Bearer random-token\r\n\r\n",
                          answer);
  while (!answer && gateway->world.step(kNever)) {
    workers_version = std::max(workers_version, gateway->workers[0]->current().version());
    EXPECT_LE(workers_version, seen.applied);
  }
  ASSERT_TRUE(answer && answer->has("published"));
  EXPECT_THAT(seen.events, ElementsAre("recalled this", "applied", "recalled this", "applied"));
  EXPECT_EQ(seen.applied, gateway->control->publisher().snapshot()->version());
}

TEST_F(BackgroundTasksTest, ARefusedConfigurationIsNeverApplied) {
  ASSERT_TRUE(gateway->start());
  gateway->files["g.yaml"] = "routes: nonsense\n";
  EXPECT_EQ(gateway->admin("POST /reload").status, 422);
  EXPECT_EQ(seen.events.size(), 2U);
}

TEST_F(BackgroundTasksTest, TheProcessTellsItsFactsToWhoCompiles) {
  ASSERT_TRUE(gateway->start());
  EXPECT_EQ(seen.process.workers, 2U);
  EXPECT_EQ(seen.process.secret[0], 7);
}

TEST_F(BackgroundTasksTest, EndsWithControl) {
  ASSERT_TRUE(gateway->start());
  EXPECT_TRUE(seen.alive);
  gateway.reset();
  EXPECT_FALSE(seen.alive);
}

TEST_F(BackgroundTasksTest, IsMeasured) {
  ASSERT_TRUE(gateway->start());
  Answer page = gateway->ask(Gateway::kAdmin, "GET /metrics");
  EXPECT_TRUE(
      page.has("# TYPE gatehouse_test_things gauge\ngatehouse_test_things{name=\"a\\\"b\"} 1.5\n"
               "gatehouse_test_things{name=\"c\"} 2\n"))
      << page.text;
  EXPECT_TRUE(page.has("# TYPE gatehouse_test_events_total counter\ngatehouse_test_events_total 3\n"));
  EXPECT_NE(metrics_reference_markdown(gateway->kinds)
                .find("| `gatehouse_test_events_total` | counter | - | Events |\n"),
            std::string::npos);
}

TEST_F(BackgroundTasksTest, TheAdminApiShowsAndCommands) {
  ASSERT_TRUE(gateway->start());
  EXPECT_EQ(gateway->ask(Gateway::kAdmin, "GET /keys").status, 401);
  EXPECT_TRUE(gateway->admin("GET /keys").has("{\"issuers\":[1]}"));
  EXPECT_EQ(gateway->admin("GET /keys/revoke").status, 405);
  Answer done = gateway->admin("POST /keys/revoke?issuer=main&kid=a%2Fb");
  EXPECT_EQ(done.status, 200);
  EXPECT_TRUE(done.has("revoke main by ")) << done.text;
  EXPECT_TRUE(done.has(" kept"));
  EXPECT_EQ(gateway->state["kept"], "a/b");
  Answer refused = gateway->admin("POST /keys/unrevoke?issuer=main&kid=unknown");
  EXPECT_EQ(refused.status, 422);
  EXPECT_TRUE(refused.has("there is no such key"));
  gateway->state_full = true;
  EXPECT_TRUE(gateway->admin("POST /keys/revoke?issuer=main&kid=c").has(" lost"));
}

TEST_F(BackgroundTasksTest, AFileThatCannotBeReadIsNotWrittenOver) {
  gateway->state["kept"] = "revocations";
  gateway->state_unreadable = true;
  ASSERT_TRUE(gateway->start());
  EXPECT_TRUE(gateway->admin("POST /keys/revoke?issuer=main&kid=a").has(" lost"));
  EXPECT_EQ(gateway->state["kept"], "revocations");
  gateway->state_unreadable = false;
  gateway->files["g.yaml"] = kTwo;
  ASSERT_EQ(gateway->admin("POST /reload").status, 200);
  EXPECT_EQ(seen.events.at(2), "recalled revocations");
  EXPECT_TRUE(gateway->admin("POST /keys/revoke?issuer=main&kid=a").has(" kept"));
}

TEST_F(BackgroundTasksTest, AFileThatTheDiskDoesNotGiveIsNotWrittenOver) {
  gateway->state["kept"] = "revocations";
  gateway->state_failing = true;
  ASSERT_TRUE(gateway->start());
  EXPECT_EQ(seen.events.at(0), "recalled nothing");
  EXPECT_TRUE(gateway->admin("POST /keys/revoke?issuer=main&kid=a").has(" lost"));
  EXPECT_EQ(gateway->state["kept"], "revocations");
}

TEST_F(BackgroundTasksTest, AFileThatCouldNotBeReadAndIsRemovedIsWrittenAnew) {
  gateway->state["kept"] = "revocations";
  gateway->state_unreadable = true;
  ASSERT_TRUE(gateway->start());
  gateway->state_unreadable = false;
  EXPECT_TRUE(gateway->admin("POST /keys/revoke?issuer=main&kid=a").has(" lost")) << "nobody has read it";
  gateway->state.erase("kept");
  EXPECT_TRUE(gateway->admin("POST /keys/revoke?issuer=main&kid=a").has(" kept"));
}

TEST(BackgroundTasksWithout, TheAdminApiSaysThatThereAreNoKeys) {
  Gateway g((std::string(kOne)));
  ASSERT_TRUE(g.start());
  EXPECT_TRUE(g.admin("GET /keys").has("{\"issuers\":[]}"));
  EXPECT_EQ(g.admin("POST /keys/revoke?issuer=a&kid=b").status, 422);
}

}  // namespace
}  // namespace gatehouse::control
