// The simulation's scheduler: which event, which loop, which moment comes next.
#include <algorithm>
#include <utility>

#include "net/memory_network.h"
#include "net/memory_stream.h"

namespace gatehouse::net {

MemoryFaults MemoryFaults::draw(Random& random) {
  // absent in half of the runs, otherwise between a thousandth of `most` and `most`, small values as likely
  // as large
  auto some = [&random](double most) {
    if (random.below(2) == 0) return 0.0;
    double chance = most;
    for (auto tenths = random.below(4); tenths > 0; --tenths) chance /= 10;
    return chance;
  };
  MemoryFaults f;
  f.partial_recv = some(1);
  f.partial_send = some(1);
  if (random.below(2)) {
    f.buffer_min = 1024;
    f.buffer_max = random.below(2) ? 4096 : 65536;
  }
  f.segment_max = random.below(2) ? 16384 : 1 + random.below(1460);
  f.delay_max = random.below(2) ? Duration(150us) : Duration(20ms);
  f.long_delay = some(0.02);
  f.reset = some(0.2);
  f.fin = some(0.2);
  f.connect_refused = some(0.2);
  f.connect_unanswered = some(0.1);
  f.connect_no_descriptors = some(0.05);
  f.accept_no_descriptors = some(0.3);
  return f;
}

MemoryWorld::MemoryWorld(std::uint64_t seed, MemoryFaults faults) : random_(seed), faults_(faults) {}

MemoryWorld::~MemoryWorld() {
  assert(pollers_.empty() && "a host outlives its world");
  assert(listeners_.empty() && "a listener outlives its world");
}

bool MemoryWorld::later(const Scheduled& a, const Scheduled& b) noexcept {
  return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
}

void MemoryWorld::at(Time when, Event event) {
  events_.push_back({when, next_sequence_++, std::move(event)});
  std::push_heap(events_.begin(), events_.end(), &later);
}

Time MemoryWorld::next_event() const noexcept { return events_.empty() ? kNever : events_.front().when; }

void MemoryWorld::happen() noexcept {
  while (next_event() <= clock_.now()) {
    std::pop_heap(events_.begin(), events_.end(), &later);
    Event event = std::move(events_.back().event);
    events_.pop_back();
    event();
  }
}

Duration MemoryWorld::delay() noexcept {
  bool slow = chance(faults_.long_delay);
  Duration most = slow ? faults_.long_delay_max : faults_.delay_max;
  auto spread = static_cast<double>(std::max(Duration::zero(), most - faults_.delay_min).count());
  return faults_.delay_min + Duration(static_cast<Duration::rep>(spread * random_.unit()));
}

std::uint16_t MemoryWorld::next_port() noexcept {
  port_ = port_ == UINT16_MAX ? 32768 : static_cast<std::uint16_t>(port_ + 1);
  return port_;
}

Result<std::unique_ptr<BoundSocket>> MemoryWorld::bind(const SocketAddress& address) {
  SocketAddress actual = address;
  if (!actual.is_unix() && actual.port == 0) actual.port = next_port();
  return std::make_unique<MemoryBound>(std::make_unique<MemoryListener>(*this, std::move(actual)));
}

MemoryListener* MemoryWorld::choose_listener(const SocketAddress& to) noexcept {
  std::vector<MemoryListener*> all;
  for (MemoryListener* l : listeners_)
    if (l->listens_for(to)) all.push_back(l);
  if (all.empty()) return nullptr;
  return all[random_.below(static_cast<std::uint32_t>(all.size()))];
}

MemoryPoller* MemoryWorld::choose_loop() {
  std::uint32_t seen = 0;
  MemoryPoller* chosen = nullptr;
  for (MemoryPoller* p : pollers_)  // each of n with chance 1/n, without a list
    if (p->has_something_to_do(clock_.now()) && random_.below(++seen) == 0) chosen = p;
  return chosen;
}

bool MemoryWorld::step(Time limit) {
  happen();
  MemoryPoller* chosen = choose_loop();
  while (!chosen) {
    Time next = next_event();
    for (MemoryPoller* p : pollers_)
      if (p->loop_ && !p->stopped_) next = std::min(next, p->loop_->next_timer());
    if (next == kNever || next > limit) {
      if (limit != kNever) clock_.advance_to(limit);
      return false;
    }
    clock_.advance_to(next);
    happen();
    chosen = choose_loop();
  }
  ++steps_;
  auto place = std::ranges::find(pollers_, chosen) - pollers_.begin();
  note(static_cast<std::uint64_t>(place) << 56 ^
       static_cast<std::uint64_t>(clock_.now().time_since_epoch().count()));
  chosen->stopped_ = !chosen->loop_->turn(clock_.now());
  auto cost = random_.below(static_cast<std::uint32_t>(faults_.turn_max.count()) + 1);
  clock_.advance_to(clock_.now() + Duration(cost));
  return true;
}

// Whoever starts something from outside of a turn sees the time as it is, not as it was in the loop's last
// turn.
void MemoryWorld::tell_time() noexcept {
  for (MemoryPoller* p : pollers_)
    if (p->loop_) p->loop_->woken();
}

void MemoryWorld::run_for(Duration d) {
  Time limit = after(clock_.now(), d);
  while (clock_.now() < limit && step(limit)) {
  }
  tell_time();
}

bool MemoryWorld::run_until(const std::function<bool()>& done, Time limit) {
  bool going = true;
  while (going && !done()) going = clock_.now() <= limit && step(limit);
  tell_time();
  return going || done();
}

}  // namespace gatehouse::net
