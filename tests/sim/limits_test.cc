// Limits in the whole gateway: control, two workers, clients that want more than they may have, reloads that
// change the limits and change them back; in one thread, by a seed. The oracle sees when each request was
// sent and answered: somewhere in between it was decided, so in no window of answers may there be more than
// what the limit allows in that window and the time that a request may take.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/control_testing.h"
#include "filters/limits/limits_filter.h"

namespace gatehouse::sim {
namespace {

using control::testing::Answer;
using control::testing::Gateway;

constexpr Duration kTime = 20s;
constexpr std::uint64_t kWho = 6;

struct Rate {
  std::uint64_t per_second;
  std::uint64_t burst;
};
constexpr Rate kFleet{100, 150};
constexpr Rate kEach{25, 40};

std::string config(std::uint64_t rate, std::uint64_t burst) {
  return fmt::format(R"(
listen: {{public: {{port: 8080, bind: 127.0.0.1}}}}
limits:
  each:  {}/s burst {} per header.x-who
  fleet: {}/s burst {}
  paths: {{when: {{path: /none/*}}, rate: 5/s per ip}}
routes: [{{path: /x, reply: {{body: "yes"}}}}]
admin: {{port: 9900}}
)",
                     rate, burst, kFleet.per_second, kFleet.burst);
}

class Scene {
 public:
  explicit Scene(std::uint64_t seed) : gateway_(config(kEach.per_second, kEach.burst), {}, kinds(), seed) {
    gateway_.world.faults().delay_max = 20ms;
  }

  void play() {
    ASSERT_TRUE(gateway_.start());
    net::MemoryWorld& world = gateway_.world;
    const Time end = after(world.clock().now(), kTime);
    Time reload = after(world.clock().now(), 700ms);
    bool changed = false;
    while (world.clock().now() < end) {
      if (world.clock().now() >= reload) {
        changed = !changed;
        gateway_.files["g.yaml"] =
            changed ? config(kEach.per_second / 2, kEach.burst / 2) : config(kEach.per_second, kEach.burst);
        ASSERT_EQ(gateway_.admin("POST /reload").status, 200);
        reload = after(world.clock().now(), 700ms);
      }
      for (int i = 0; i < 3; ++i) ask(world.random().below(kWho), "/x");
      if (world.random().below(8) == 0) ask(99, "/none/such");
      world.run_for(Duration(world.random().below(20'000'000)));
    }
    world.run_for(5s);  // the last of them
  }

  void judge() const {
    std::map<std::uint64_t, std::vector<const Question*>> admitted;
    std::vector<const Question*> all;
    for (const auto& q : asked_) {
      ASSERT_TRUE(q->answer) << "a request was never answered";
      if (q->who == 99) {
        EXPECT_TRUE(q->answer->status == 404 || q->answer->status == 429) << q->answer->text;
        continue;
      }
      ASSERT_TRUE(q->answer->status == 200 || q->answer->status == 429) << q->answer->text;
      if (q->answer->status != 200) continue;
      admitted[q->who].push_back(q.get());
      all.push_back(q.get());
    }
    expect_no_excess(all, kFleet);
    for (const auto& [who, list] : admitted) expect_no_excess(list, kEach);
    EXPECT_EQ(admitted.size(), kWho);
    // They wanted several times as much: what there was they got, less what the halved terms took.
    EXPECT_GE(all.size(), kFleet.per_second * 9);
  }

 private:
  struct Question {
    std::uint64_t who = 0;
    Time sent{};
    Time answered{};
    std::optional<Answer> answer;
    net::Task<void> task;
  };

  static std::vector<std::unique_ptr<gateway::FilterKind>> kinds() {
    std::vector<std::unique_ptr<gateway::FilterKind>> all;
    all.push_back(filters::limits_filter());
    return all;
  }
  static net::Task<void> run(net::MemoryHost& from, std::string request, Question& q) {
    std::optional<Answer> answer;
    co_await control::testing::fetch(from, Gateway::kPort, std::move(request), answer);
    q.answered = from.loop.now();
    q.answer = std::move(answer);
  }
  void ask(std::uint64_t who, std::string_view path) {
    auto q = std::make_unique<Question>();
    q->who = who;
    q->sent = gateway_.world.clock().now();
    q->task = run(
        gateway_.client,
        fmt::format("GET {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Who: {}\r\n\r\n", path, who), *q);
    asked_.push_back(std::move(q));
  }
  static void expect_no_excess(std::vector<const Question*> list, const Rate& rate) {
    std::ranges::sort(list, {}, &Question::answered);
    for (std::size_t first = 0; first < list.size(); ++first) {
      // Decided not before the earliest of them was sent.
      Time from = list[first]->sent;
      for (std::size_t last = first; last < list.size(); ++last) {
        from = std::min(from, list[last]->sent);
        const std::chrono::duration<double> length = list[last]->answered - from;
        ASSERT_LE(static_cast<double>(last - first + 1),
                  static_cast<double>(rate.burst) + length.count() * static_cast<double>(rate.per_second));
      }
    }
  }

  Gateway gateway_;
  std::deque<std::unique_ptr<Question>> asked_;
};

TEST(LimitsScene, NobodyGetsMoreThanHeMayHaveWhateverIsReloaded) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    Scene scene(seed);
    scene.play();
    scene.judge();
  }
}

}  // namespace
}  // namespace gatehouse::sim
