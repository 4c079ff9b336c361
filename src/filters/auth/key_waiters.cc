#include "filters/auth/key_waiters.h"

#include "base/hash.h"
#include "filters/auth/shared_bad_tokens.h"

namespace gatehouse::filters {

KeyWaiters::KeyWaiters(net::Loop& loop, std::shared_ptr<SharedKeyRing> ring, std::uint64_t seed,
                       Gauge& waiting)
    : loop_(loop), ring_(std::move(ring)), seed_(seed), gauge_(waiting) {}

std::shared_ptr<KeyWaiters> KeyWaiters::make(net::Loop& loop, std::shared_ptr<SharedKeyRing> ring,
                                             std::uint64_t seed, Gauge& waiting) {
  std::shared_ptr<KeyWaiters> made(new KeyWaiters(loop, std::move(ring), seed, waiting));
  made->listening_ =
      std::make_unique<SharedKeyRing::Listening>(made->ring_, [&loop, weak = made->weak_from_this()] {
        loop.post([weak] {
          if (auto waiters = weak.lock()) waiters->wake();
        });
      });
  return made;
}

void KeyWaiters::wake() noexcept {
  waiting_.for_each([](Place::Node& n) { n.place.ready(); });
}

KeyWaiters::Place::Place(KeyWaiters& of, const IpAddress& address, std::uint64_t judged) noexcept
    : of_(of),
      timer_([](void* self) noexcept { static_cast<Place*>(self)->ready(); }, this),
      arrived_(of.ring_->started()),
      judged_(judged),
      until_(after(of.loop_.now(), kPatience)) {
  const IpAddress counted = network_of(address);
  bucket_ = hash64({reinterpret_cast<const char*>(counted.bytes.data()), counted.bytes.size()}, of.seed_) %
            of.by_address_.size();
  // Also where nobody waits: the next fetch is then the sooner.
  of_.ring_->demand();
  if (of_.ring_->closed(of_.loop_.now()) || of_.places_ >= kPlaces ||
      of_.by_address_[bucket_] >= kPlacesOfOne)
    return;
  placed_ = true;
  ++of_.places_;
  ++of_.by_address_[bucket_];
  of_.gauge_.add(1);
}

KeyWaiters::Place::~Place() {
  if (!placed_) return;
  --of_.places_;
  --of_.by_address_[bucket_];
  of_.gauge_.add(-1);
}

KeyWaiters::State KeyWaiters::Place::state() noexcept {
  // The end first: whoever sees it sees the keys that were published before.
  const std::uint64_t ended = of_.ring_->ended();
  if (of_.ring_->generation() != judged_) return State::changed;
  if (ended > arrived_) return of_.ring_->last_good() > arrived_ ? State::known : State::unknown;
  return placed_ && of_.loop_.now() < until_ ? State::waiting : State::unknown;
}

void KeyWaiters::Place::wait(net::Ready& waiter) noexcept {
  waiter_ = &waiter;
  of_.waiting_.push_back(node_);
  of_.loop_.set_timer(timer_, until_);
}

void KeyWaiters::Place::ready() noexcept {
  node_.unlink();
  timer_.cancel();
  of_.loop_.make_ready(*waiter_);
}

}  // namespace gatehouse::filters
