// Requests of one worker whose token names a key of one issuer that is not known: they wait for the next
// fetch together.
//
// A waiter is decided by the first round that starts after it came: a round under way may have read the keys
// before the issuer published the one that is looked for. There are at most kPlaces, and of one address a
// quarter of them, so that a flood of made-up keys takes neither memory nor the places of a rotation. Who
// is cancelled takes itself out.
//
// Thread: its worker. The ring wakes it through the loop.
#pragma once

#include <array>
#include <coroutine>
#include <cstdint>
#include <memory>

#include "base/counters.h"
#include "base/ip.h"
#include "base/list.h"
#include "filters/auth/shared_key_ring.h"
#include "net/loop.h"

namespace gatehouse::filters {

class KeyWaiters : public std::enable_shared_from_this<KeyWaiters> {
 public:
  static constexpr std::size_t kPlaces = 1024;
  static constexpr std::size_t kPlacesOfOne = kPlaces / 4;  // address
  static constexpr Duration kPatience = 8s;

  // `waiting` counts those who do.
  static std::shared_ptr<KeyWaiters> make(net::Loop& loop, std::shared_ptr<SharedKeyRing> ring,
                                          std::uint64_t seed, Gauge& waiting);
  KeyWaiters(const KeyWaiters&) = delete;

  enum class State : std::uint8_t {
    waiting,
    changed,  // there are other keys than those of `judged`: look again
    known,    // a fetch that began later has succeeded: there is no such key
    unknown,  // it failed, or none came in time, or there is no place
  };

  // One waiter, from its arrival on. Lives in its coroutine's frame.
  class Place {
   public:
    // `judged`: the generation of the keys among which there was none.
    Place(KeyWaiters& of, const IpAddress& address, std::uint64_t judged) noexcept;
    Place(const Place&) = delete;
    ~Place();

    State state() noexcept;
    void look_again(std::uint64_t judged) noexcept { judged_ = judged; }

    // Until something may have changed.
    auto wake() noexcept {
      struct Awaiter : net::Ready {
        explicit Awaiter(Place& p) noexcept : place(p) {}
        Place& place;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> h) noexcept {
          handle = h;
          place.wait(*this);
        }
        void await_resume() const noexcept { place.waiter_ = nullptr; }
      };
      return Awaiter(*this);
    }

   private:
    friend class KeyWaiters;
    struct Node : ListNode {
      explicit Node(Place& p) noexcept : place(p) {}
      Place& place;
    };
    void wait(net::Ready& waiter) noexcept;
    void ready() noexcept;

    KeyWaiters& of_;
    Node node_{*this};
    net::Timer timer_;
    net::Ready* waiter_ = nullptr;
    std::size_t bucket_;
    bool placed_ = false;
    std::uint64_t arrived_;  // the round that was the last to start
    std::uint64_t judged_;
    Time until_;
  };

 private:
  KeyWaiters(net::Loop& loop, std::shared_ptr<SharedKeyRing> ring, std::uint64_t seed, Gauge& waiting);
  void wake() noexcept;

  net::Loop& loop_;
  std::shared_ptr<SharedKeyRing> ring_;
  std::uint64_t seed_;
  Gauge& gauge_;
  List<Place::Node> waiting_;
  std::size_t places_ = 0;  // taken
  // Taken by address: hashed, so that nothing has to be made for each; who shares a bucket (1 in 4096, under
  // a secret seed) shares the quarter.
  std::array<std::uint16_t, 4096> by_address_{};
  std::unique_ptr<SharedKeyRing::Listening> listening_;
};

}  // namespace gatehouse::filters
