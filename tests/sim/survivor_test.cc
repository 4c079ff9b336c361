// The survivor of two: all the load of a fleet falls on one gateway, three times what its service can do. The
// service limits itself with `max_in_flight`; what it can do it goes on doing, and everybody else is told at
// once to come back later, whoever he is.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "control/control_testing.h"
#include "filters/auth/keys_testing.h"

namespace gatehouse::sim {
namespace {

using control::testing::Answer;
using control::testing::Gateway;

constexpr unsigned kAtOnce = 20;
constexpr Duration kServiceTime = 50ms;  // so it can do 400 requests a second
constexpr double kCanDo = 400;
constexpr unsigned kUsers = 12;
constexpr Duration kSecondsOfLoad = 10s;

const std::string kConfig = fmt::format(R"(
listen: {{public: {{port: 8080, bind: 127.0.0.1}}}}
services: {{api: {{url: "http://127.0.0.1:80", max_in_flight: {}}}}}
admin: {{port: 9900}}
)",
                                        kAtOnce);

class Scene {
 public:
  explicit Scene(std::uint64_t seed) : gateway_(kConfig, {}, {}, seed), service_(gateway_.world) {
    service_.wait = kServiceTime;
    service_.answer = [](const std::string&) {
      return filters::testing::http_answer("done", "Connection: close\r\n");
    };
  }

  bool start() { return gateway_.start(); }

  // Independent clients, so their requests come when they come, whatever became of those before.
  void load(double per_second, Duration time) {
    asked_.clear();
    service_.requests.clear();
    const Time end = after(now(), time);
    const auto mean = static_cast<std::int64_t>(1e9 / per_second);
    while (now() < end) {
      ask(gateway_.world.random().below(kUsers));
      gateway_.world.run_for(Duration(gateway_.world.random().below(static_cast<std::uint32_t>(2 * mean))));
      if (asked_.size() % 32 == 0) scrape();
    }
    gateway_.world.run_for(1s);
  }

  struct Outcome {
    double served_per_second = 0;
    std::map<int, unsigned> statuses;
    std::map<unsigned, unsigned> asked_by_user;
    std::map<unsigned, unsigned> refused_of_user;
    std::set<std::string> retry_after;
    Duration slowest_refusal{};
  };
  Outcome outcome(Duration time) const {
    Outcome o;
    for (const auto& q : asked_) {
      const Answer answer = q->answer.value_or(Answer{});
      ++o.statuses[answer.status];
      ++o.asked_by_user[q->user];
      if (answer.status == 200) o.served_per_second += 1 / std::chrono::duration<double>(time).count();
      if (answer.status != 503) continue;
      ++o.refused_of_user[q->user];
      o.slowest_refusal = std::max(o.slowest_refusal, q->answered - q->sent);
      const auto at = answer.text.find("retry-after: ");
      o.retry_after.insert(at == std::string::npos ? "none"
                                                   : answer.text.substr(at, answer.text.find('\r', at) - at));
    }
    return o;
  }
  std::size_t asked() const { return asked_.size(); }
  // What scrapes have said is under way.
  unsigned most_at_once() const { return most_at_once_; }
  unsigned scrapes_above_80_percent() const { return seen_full_; }

 private:
  struct Question {
    unsigned user = 0;
    Time sent{};
    Time answered{};
    std::optional<Answer> answer;
    net::Task<void> task;
  };
  Time now() { return gateway_.world.clock().now(); }
  void scrape() {
    const unsigned now = in_flight();
    most_at_once_ = std::max(most_at_once_, now);
    seen_full_ += now > 0.8 * kAtOnce ? 1 : 0;
  }
  unsigned in_flight() {
    const std::string page = gateway_.ask(Gateway::kAdmin, "GET /metrics").text;
    constexpr std::string_view kName = "gatehouse_service_in_flight{service=\"api\"} ";
    const auto at = page.find(kName);
    return at == std::string::npos ? 999 : static_cast<unsigned>(std::stoul(page.substr(at + kName.size())));
  }
  static net::Task<void> run(net::MemoryHost& from, std::string request, Question& q) {
    std::optional<Answer> answer;
    co_await control::testing::fetch(from, Gateway::kPort, std::move(request), answer);
    q.answered = from.loop.now();
    q.answer = std::move(answer);
  }
  void ask(unsigned user) {
    auto q = std::make_unique<Question>();
    q->user = user;
    q->sent = now();
    q->task = run(gateway_.client,
                  fmt::format("GET /api/{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", user), *q);
    asked_.push_back(std::move(q));
  }

  Gateway gateway_;
  filters::testing::FakeIssuer service_;
  std::deque<std::unique_ptr<Question>> asked_;
  unsigned most_at_once_ = 0;
  unsigned seen_full_ = 0;
};

TEST(Survivor, AtThreeTimesTheLoadTheServiceDoesWhatItCanAndTheRestIsToldToComeBack) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    Scene scene(seed);
    ASSERT_TRUE(scene.start());
    scene.load(3 * kCanDo, kSecondsOfLoad);
    const Scene::Outcome o = scene.outcome(kSecondsOfLoad);
    for (const auto& [status, count] : o.statuses)
      EXPECT_TRUE(status == 200 || status == 503) << status << ": " << count;
    EXPECT_GE(o.served_per_second, 0.95 * kCanDo);
    EXPECT_LE(scene.most_at_once(), kAtOnce);
    EXPECT_LT(o.slowest_refusal, 10ms) << "a refusal waits for nobody";
    EXPECT_GE(o.retry_after.size(), 3U) << "jitter";
    EXPECT_FALSE(o.retry_after.contains("none"));
    // Evenly: of everybody's requests the same part is refused.
    ASSERT_EQ(o.refused_of_user.size(), kUsers);
    const double part = static_cast<double>(o.statuses.at(503)) / static_cast<double>(scene.asked());
    for (const auto& [user, refused] : o.refused_of_user)
      EXPECT_NEAR(static_cast<double>(refused) / o.asked_by_user.at(user), part, 0.06) << user;
  }
}

TEST(Survivor, TheMetricSaysHowFullItIsWhileHardlyAnybodyIsRefused) {
  Scene scene(1);
  ASSERT_TRUE(scene.start());
  scene.load(0.3 * kCanDo, 5s);
  EXPECT_EQ(scene.outcome(5s).statuses.size(), 1U);
  EXPECT_EQ(scene.scrapes_above_80_percent(), 0U);
  scene.load(0.75 * kCanDo, 5s);
  const Scene::Outcome o = scene.outcome(5s);
  EXPECT_LT(o.statuses.contains(503) ? o.statuses.at(503) : 0U, o.statuses.at(200) / 20);
  EXPECT_GT(scene.scrapes_above_80_percent(), 0U);
}

}  // namespace
}  // namespace gatehouse::sim
