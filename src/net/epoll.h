// Events by epoll: registered once a descriptor, edge-triggered for both directions, never changed in steady
// state.
#pragma once

#include <cstdint>
#include <vector>

#include "net/loop.h"

namespace gatehouse::net {

// Receives the events of one descriptor. `events` are EPOLL* bits. It may be destroyed inside the call.
class EpollHandler {
 public:
  virtual void on_events(std::uint32_t events) noexcept = 0;

 protected:
  ~EpollHandler() = default;
};

class EpollPoller final : public Poller {
 public:
  EpollPoller();  // aborts if the kernel gives no epoll: nothing works without
  ~EpollPoller() override;

  void poll(Time until, Loop& loop) override;
  void wake() noexcept override;

  // Returns a ticket; 0 = out of resources. A second event of one batch may name a dead descriptor, so epoll
  // is told slot and generation, never a pointer.
  using Ticket = std::uint64_t;
  Ticket add(int fd, std::uint32_t events, EpollHandler& handler) noexcept;
  void remove(Ticket ticket) noexcept;  // the descriptor is closed by its owner, which ends the registration
  bool alive(Ticket ticket) const noexcept;

 private:
  struct Slot {
    EpollHandler* handler = nullptr;
    std::uint32_t generation = 1;
    std::uint32_t next_free = 0;
  };
  int epoll_fd_;
  int wake_fd_;
  std::uint32_t first_free_ = 0;  // index + 1
  std::vector<Slot> slots_;
};

}  // namespace gatehouse::net
