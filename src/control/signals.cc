#include "control/signals.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

namespace gatehouse::control {
namespace {

sigset_t handled() noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  for (int s : {SIGHUP, SIGUSR1, SIGTERM, SIGINT}) ::sigaddset(&set, s);
  return set;
}

}  // namespace

void block_signals() noexcept {
  sigset_t set = handled();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

SignalWatch::SignalWatch(net::EpollPoller& poller, std::function<void(int)> each)
    : poller_(poller), each_(std::move(each)) {
  sigset_t set = handled();
  fd_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  ticket_ = poller_.add(fd_, EPOLLIN, *this);
}

SignalWatch::~SignalWatch() {
  poller_.remove(ticket_);
  ::close(fd_);
}

void SignalWatch::on_events(std::uint32_t) noexcept {
  signalfd_siginfo info{};
  while (::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info))
    each_(static_cast<int>(info.ssi_signo));
}

}  // namespace gatehouse::control
