#include "net/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/random.h"

namespace gatehouse::net {
namespace {

struct Alarm {
  explicit Alarm(Time& clock) : now(&clock) {}
  static void fire(void* self) noexcept {
    auto* a = static_cast<Alarm*>(self);
    ++a->fired;
    a->fired_at = *a->now;
    if (a->due > *a->now) a->early = true;
  }
  Timer timer{&fire, this};
  Time* now;
  Time due = kNever;
  Time fired_at{};
  int fired = 0;
  bool early = false;
};

TEST(TimerWheel, FiresOnceAndNeverEarly) {
  Time now(100s);
  TimerWheel wheel(now);
  Alarm a(now);
  wheel.set(a.timer, a.due = now + 10ms);
  EXPECT_TRUE(a.timer.armed());
  now += 9ms + 999us;
  wheel.advance(now);
  EXPECT_EQ(a.fired, 0);
  EXPECT_LE(wheel.next(), Time(100s + 10ms));
  now += 1us;
  wheel.advance(now);
  EXPECT_EQ(a.fired, 1);
  EXPECT_FALSE(a.timer.armed());
  now += 1h;
  wheel.advance(now);
  EXPECT_EQ(a.fired, 1);
  EXPECT_EQ(wheel.next(), kNever);
}

TEST(TimerWheel, ATimerInThePastFiresAtTheNextTick) {
  Time now(100s);
  TimerWheel wheel(now);
  now += 5ms;
  wheel.advance(now);
  Alarm a(now);
  a.due = now - 3s;
  wheel.set(a.timer, a.due);
  wheel.advance(now);
  EXPECT_EQ(a.fired, 0);
  wheel.advance(now += 1ms);
  EXPECT_EQ(a.fired, 1);
}

TEST(TimerWheel, NeverIsACancel) {
  Time now(100s);
  TimerWheel wheel(now);
  Alarm a(now);
  wheel.set(a.timer, now + 1ms);
  wheel.set(a.timer, kNever);
  EXPECT_FALSE(a.timer.armed());
  wheel.advance(now += 1s);
  EXPECT_EQ(a.fired, 0);
}

TEST(TimerWheel, LongerThanItsHorizon) {
  Time now(1s);
  TimerWheel wheel(now);
  Alarm a(now);
  wheel.set(a.timer, a.due = now + 24h * 100);
  int jumps = 0;
  while (a.fired == 0 && ++jumps < 1000) wheel.advance(now = wheel.next());
  EXPECT_EQ(now, a.due);
  EXPECT_LT(jumps, 100);
}

// A timer may cancel others that are due with it, and itself be destroyed.
TEST(TimerWheel, CallbacksMayCancelAndDestroy) {
  Time now(1s);
  TimerWheel wheel(now);
  struct Pair {
    static void fire(void* self) noexcept {
      auto* p = static_cast<Pair*>(self);
      ++p->fired;
      p->one.reset();
      p->two.reset();
    }
    std::unique_ptr<Timer> one = std::make_unique<Timer>(&fire, this);
    std::unique_ptr<Timer> two = std::make_unique<Timer>(&fire, this);
    int fired = 0;
  } pair;
  wheel.set(*pair.one, now + 1ms);
  wheel.set(*pair.two, now + 1ms);
  wheel.advance(now + 1s);
  EXPECT_EQ(pair.fired, 1);
}

Duration random_delay(Random& random) {
  switch (random.below(5)) {
    case 0: return Duration(random.below(1'000'000));        // below a tick
    case 1: return Duration(1ms) * random.below(64);         // first level
    case 2: return Duration(1us) * random.below(5'000'000);  // 5 s
    case 3: return Duration(1ms) * random.below(3'600'000);  // an hour
    default: return Duration(1ms) * static_cast<std::int64_t>(random.next() % (std::uint64_t{1} << 33));
  }
}

// Against the plainest thing that can be right: every timer fires in the call that passes its tick, no other
// does.
TEST(TimerWheel, AgreesWithANaiveListOverRandomUse) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Random random(seed);
    Time start(Duration(random.below(1'000'000'000)));
    Time now = start;
    TimerWheel wheel(start);
    std::vector<std::unique_ptr<Alarm>> alarms;
    for (int i = 0; i < 200; ++i) alarms.push_back(std::make_unique<Alarm>(now));
    auto tick = [&](Time t) { return (t - start) / 1ms; };
    std::vector<std::int64_t> expected(alarms.size(), -1);  // the tick at which it must fire; -1: not armed
    for (int step = 0; step < 3000; ++step) {
      std::size_t i = random.below(200);
      Alarm& a = *alarms[i];
      if (random.below(4) == 0) {
        a.timer.cancel();
        expected[i] = -1;
      } else {
        a.due = now + random_delay(random);
        wheel.set(a.timer, a.due);
        expected[i] = std::max<std::int64_t>((a.due - start + 1ms - 1ns) / 1ms, tick(now) + 1);
      }
      if (random.below(3)) continue;
      Time next = wheel.next();
      for (std::int64_t e : expected)
        if (e >= 0) ASSERT_LE(tick(next), e) << "the wheel would sleep over a timer";
      now = random.below(2) && next != kNever ? next : now + random_delay(random) / (1 + random.below(1000));
      for (auto& alarm : alarms) alarm->fired = 0;
      wheel.advance(now);
      for (std::size_t k = 0; k < alarms.size(); ++k) {
        bool due = expected[k] >= 0 && expected[k] <= tick(now);
        ASSERT_EQ(alarms[k]->fired, due ? 1 : 0) << "seed " << seed << " step " << step;
        ASSERT_FALSE(alarms[k]->early);
        ASSERT_EQ(alarms[k]->timer.armed(), expected[k] >= 0 && !due);
        if (due) expected[k] = -1;
      }
    }
  }
}

}  // namespace
}  // namespace gatehouse::net
