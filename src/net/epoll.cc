#include "net/epoll.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "net/socket_calls.h"

namespace gatehouse::net {
namespace {

constexpr std::uint64_t kWakeTicket = UINT64_MAX;

int milliseconds_until(Time until, Time now) noexcept {
  if (until == kNever) return -1;
  if (until <= now) return 0;
  auto ms = (until - now + 1ms - 1ns) / 1ms;
  return static_cast<int>(std::min<std::int64_t>(ms, 60'000));
}

}  // namespace

EpollPoller::EpollPoller()
    : epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)), wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (epoll_fd_ < 0 || wake_fd_ < 0) std::abort();
  epoll_event e{};
  e.events = EPOLLIN | EPOLLET;
  e.data.u64 = kWakeTicket;
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &e) != 0) std::abort();
}

EpollPoller::~EpollPoller() {
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

void EpollPoller::wake() noexcept {
  std::uint64_t one = 1;  // edge-triggered: the counter is never read, each write is a new edge
  [[maybe_unused]] auto n = ::write(wake_fd_, &one, sizeof one);
}

EpollPoller::Ticket EpollPoller::add(int fd, std::uint32_t events, EpollHandler& handler) noexcept {
  std::uint32_t index;
  if (first_free_) {
    index = first_free_ - 1;
    first_free_ = slots_[index].next_free;
  } else {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  }
  Slot& slot = slots_[index];
  slot.handler = &handler;
  Ticket ticket = (std::uint64_t{slot.generation} << 32) | index;
  epoll_event e{};
  e.events = events | EPOLLET;
  e.data.u64 = ticket;
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &e) == 0) return ticket;
  remove(ticket);
  return 0;
}

bool EpollPoller::alive(Ticket ticket) const noexcept {
  auto index = static_cast<std::uint32_t>(ticket);
  return index < slots_.size() && slots_[index].handler && slots_[index].generation == ticket >> 32;
}

void EpollPoller::remove(Ticket ticket) noexcept {
  if (!alive(ticket)) return;
  auto index = static_cast<std::uint32_t>(ticket);
  Slot& slot = slots_[index];
  slot.handler = nullptr;
  slot.generation = (slot.generation + 1) & 0x7fffffffU;
  if (slot.generation == 0) slot.generation = 1;
  slot.next_free = first_free_;
  first_free_ = index + 1;
}

void EpollPoller::poll(Time until, Loop& loop) {
  std::array<epoll_event, 256> events;
  int n = system_epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()),
                            milliseconds_until(until, loop.turn_ended()));
  loop.woken();
  for (int i = 0; i < n; ++i) {
    const epoll_event& e = events[static_cast<std::size_t>(i)];
    if (e.data.u64 == kWakeTicket || !alive(e.data.u64)) continue;
    slots_[static_cast<std::uint32_t>(e.data.u64)].handler->on_events(e.events);
  }
}

}  // namespace gatehouse::net
