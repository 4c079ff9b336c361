#include "net/tcp.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>

#include "net/tcp_stream.h"

namespace gatehouse::net {
namespace {

struct RawAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
};

Result<RawAddress> to_raw(const SocketAddress& a) {
  RawAddress raw;
  if (a.is_unix()) {
    auto* u = reinterpret_cast<sockaddr_un*>(&raw.storage);
    if (a.unix_path.size() >= sizeof u->sun_path)
      return fail(Errc::io_failed, "the socket's path is too long");
    u->sun_family = AF_UNIX;
    std::memcpy(u->sun_path, a.unix_path.data(), a.unix_path.size());
    raw.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + a.unix_path.size() + 1);
  } else if (a.ip.is_v4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&raw.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(a.port);
    std::memcpy(&v4->sin_addr, a.ip.bytes.data() + 12, 4);
    raw.size = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&raw.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(a.port);
    std::memcpy(&v6->sin6_addr, a.ip.bytes.data(), 16);
    raw.size = sizeof *v6;
  }
  return raw;
}

SocketAddress from_raw(const RawAddress& raw) {
  SocketAddress a;
  if (raw.storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&raw.storage);
    a.ip = IpAddress::v4(ntohl(v4->sin_addr.s_addr));
    a.port = ntohs(v4->sin_port);
  } else if (raw.storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&raw.storage);
    std::memcpy(a.ip.bytes.data(), &v6->sin6_addr, 16);
    a.port = ntohs(v6->sin6_port);
  }
  return a;
}

Error from_errno(int e) noexcept {
  auto error = [](Errc c, std::string_view why) { return Error{c, Origin::gateway, Retry::never, why}; };
  switch (e) {
    case ECONNREFUSED:
    case EAGAIN:  // a unix socket whose backlog is full
    case ENOENT: return error(Errc::io_refused, "connection refused");
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH: return error(Errc::io_unreachable, "no way to the host");
    case ETIMEDOUT: return error(Errc::io_timeout, "the connection was not accepted in time");
    case ECONNRESET: return error(Errc::io_reset, "reset while connecting");
    case EMFILE:
    case ENFILE: return error(Errc::io_no_descriptors, "out of file descriptors");
    case EADDRINUSE: return error(Errc::io_failed, "the address is in use");
    case EADDRNOTAVAIL:
      return error(Errc::io_failed, "this machine does not have that address, or no free port");
    case EACCES:
    case EPERM: return error(Errc::io_failed, "permission denied");
    default: return error(Errc::io_failed, "the socket failed");
  }
}

// Linux hands errors of a connection that died in the queue to accept (accept(2)); the next one may be fine.
bool failed_before_accept(int e) noexcept {
  switch (e) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP:
    case EPERM: return true;  // EPERM: a firewall's rule
    default: return false;
  }
}

void no_delay(int fd, const SocketAddress& a) noexcept {
  int one = 1;
  if (!a.is_unix()) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

// A peer that is gone without a word is found after 60 + 3 * 10 s: time-outs of a request do not see it where
// nothing is due (a stream of events, a pooled connection). What was sent and is not acknowledged has
// time-outs of its own, so no TCP_USER_TIMEOUT, which would overrule the number of probes as well. Set before
// `listen`, accepted sockets inherit it.
void keep_alive(int fd, const SocketAddress& a) noexcept {
  if (a.is_unix()) return;
  int one = 1;
  int idle = 60;
  int interval = 10;
  int count = 3;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

class BoundTcp final : public BoundSocket {
 public:
  BoundTcp(int fd, SocketAddress a) noexcept : fd_(fd), address_(std::move(a)) {}
  ~BoundTcp() override {
    if (fd_ >= 0) ::close(fd_);
  }
  const SocketAddress& address() const noexcept override { return address_; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
  SocketAddress address_;
};

class SocketAcceptor final : public Acceptor, private EpollHandler {
 public:
  SocketAcceptor(Loop& loop, EpollPoller& poller, int fd, SocketAddress local) noexcept
      : loop_(loop), poller_(poller), fd_(fd), local_(std::move(local)) {
    ticket_ = poller_.add(fd_, EPOLLIN, *this);
  }
  ~SocketAcceptor() override {
    poller_.remove(ticket_);
    ::close(fd_);
  }
  bool registered() const noexcept { return ticket_ != 0; }

  Result<StreamPtr> try_accept() override {
    for (;;) {
      RawAddress raw;
      raw.size = sizeof raw.storage;
      int fd = ::accept4(fd_, raw.get(), &raw.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) return wrap(fd, raw);
      if (failed_before_accept(errno)) continue;
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        return fail(Errc::io_no_descriptors, "out of file descriptors");
      ready_ = false;
      return StreamPtr{};
    }
  }
  bool start_wait(std::coroutine_handle<> waiter) noexcept override {
    if (ready_) return true;
    waiter_ = waiter;
    return false;
  }
  void cancel_wait() noexcept override { waiter_ = nullptr; }

 private:
  Result<StreamPtr> wrap(int fd, const RawAddress& raw) {
    SocketAddress peer = local_.is_unix() ? local_ : from_raw(raw);
    no_delay(fd, peer);
    auto stream = std::make_unique<SocketStream>(loop_, poller_, fd, std::move(peer), false);
    if (!stream->registered()) return fail(Errc::io_no_descriptors, "out of file descriptors");
    return StreamPtr(std::move(stream));
  }
  void on_events(std::uint32_t) noexcept override {
    ready_ = true;
    if (waiter_) std::exchange(waiter_, nullptr).resume();
  }

  Loop& loop_;
  EpollPoller& poller_;
  int fd_;
  SocketAddress local_;
  EpollPoller::Ticket ticket_ = 0;
  bool ready_ = true;
  std::coroutine_handle<> waiter_;
};

// Waits for a connection under way.
class Connected {
 public:
  Connected(SocketStream& s, Loop& loop, Time deadline) noexcept
      : stream_(s), loop_(loop), timer_(&expired, this), deadline_(deadline) {}
  Connected(const Connected&) = delete;
  ~Connected() { stream_.wait_connected(nullptr); }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    waiter_ = h;
    stream_.wait_connected(h);
    loop_.set_timer(timer_, deadline_);
  }
  int await_resume() noexcept { return timed_out_ ? ETIMEDOUT : stream_.take_error(); }

 private:
  static void expired(void* self) noexcept {
    auto* c = static_cast<Connected*>(self);
    c->timed_out_ = true;
    c->stream_.wait_connected(nullptr);
    c->waiter_.resume();
  }
  SocketStream& stream_;
  Loop& loop_;
  Timer timer_;
  Time deadline_;
  bool timed_out_ = false;
  std::coroutine_handle<> waiter_;
};

}  // namespace

Result<std::unique_ptr<BoundSocket>> bind_socket(const SocketAddress& address, const ListenOptions& options) {
  auto raw = to_raw(address);
  if (!raw) return std::unexpected(raw.error());
  int fd = ::socket(raw->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::unexpected(from_errno(errno));
  auto bound = std::make_unique<BoundTcp>(fd, address);
  int one = 1;
  if (!address.is_unix()) {
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    keep_alive(fd, address);
    if (options.reuse_port) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  }
  if (::bind(fd, raw->get(), raw->size) != 0 || ::listen(fd, options.backlog) != 0)
    return std::unexpected(from_errno(errno));
  if (address.is_unix() || address.port != 0) return bound;
  RawAddress actual;
  actual.size = sizeof actual.storage;
  if (::getsockname(fd, actual.get(), &actual.size) != 0) return std::unexpected(from_errno(errno));
  return std::make_unique<BoundTcp>(bound->release(), from_raw(actual));
}

Result<std::unique_ptr<Acceptor>> SocketNetwork::accept_on(std::unique_ptr<BoundSocket> socket) {
  auto& bound = static_cast<BoundTcp&>(*socket);
  auto acceptor = std::make_unique<SocketAcceptor>(loop_, poller_, bound.release(), bound.address());
  if (!acceptor->registered()) return fail(Errc::io_no_descriptors, "out of file descriptors");
  return acceptor;
}

Task<Result<StreamPtr>> SocketNetwork::connect(SocketAddress to, Time deadline) {
  auto raw = to_raw(to);
  if (!raw) co_return std::unexpected(raw.error());
  int fd = ::socket(raw->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return std::unexpected(from_errno(errno));
  no_delay(fd, to);
  keep_alive(fd, to);
  int e = ::connect(fd, raw->get(), raw->size) == 0 ? 0 : errno;
  if (e != 0 && e != EINPROGRESS) {
    ::close(fd);
    co_return std::unexpected(from_errno(e));
  }
  auto stream = std::make_unique<SocketStream>(loop_, poller_, fd, std::move(to), e == EINPROGRESS);
  if (!stream->registered()) co_return fail(Errc::io_no_descriptors, "out of file descriptors");
  if (e == EINPROGRESS) e = co_await Connected(*stream, loop_, deadline);
  if (e != 0) co_return std::unexpected(from_errno(e));
  co_return StreamPtr(std::move(stream));
}

Time SystemClock::now() const noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return Time(Duration(t.tv_sec * 1'000'000'000L + t.tv_nsec));
}

WallTime SystemClock::wall() const noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return WallTime(std::chrono::nanoseconds(t.tv_sec * 1'000'000'000L + t.tv_nsec));
}

}  // namespace gatehouse::net
