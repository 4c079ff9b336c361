#include "net/tcp_stream.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "net/socket_calls.h"

namespace gatehouse::net {
namespace {

bool would_block(int e) noexcept { return e == EAGAIN || e == EWOULDBLOCK; }

ssize_t send_slices(int fd, const SliceList& data) noexcept {
  if (data.count() == 1) return system_send(fd, data[0].data(), data[0].size(), MSG_NOSIGNAL);
  std::array<iovec, SliceList::kMax> parts;
  for (std::size_t i = 0; i < data.count(); ++i)
    parts[i] = {const_cast<char*>(data[i].data()), data[i].size()};  // NOLINT: iovec has no const
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = data.count();
  return system_sendmsg(fd, message, MSG_NOSIGNAL);
}

}  // namespace

SocketStream::SocketStream(Loop& loop, EpollPoller& poller, int fd, SocketAddress peer,
                           bool connecting) noexcept
    : Stream(loop), poller_(poller), fd_(fd), writable_(!connecting), peer_(std::move(peer)) {
  ticket_ = poller_.add(fd_, EPOLLIN | EPOLLOUT | EPOLLRDHUP, *this);
}

SocketStream::~SocketStream() {
  assert(!reader_ && !writer_);
  poller_.remove(ticket_);
  ::close(fd_);
}

int SocketStream::take_error() noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

void SocketStream::shutdown_send() noexcept {
  fin_sent_ = true;
  ::shutdown(fd_, SHUT_WR);
}

void SocketStream::abort() noexcept {
  fin_sent_ = true;
  ::shutdown(fd_, SHUT_RDWR);
}

bool SocketStream::probe_stale() noexcept {
  if (hung_up_) return true;
  char byte = 0;
  ssize_t n = system_recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n >= 0 || !would_block(errno)) return true;
  readable_ = false;  // the last read happened to fill its block to the brim
  return false;
}

void SocketStream::reset_on_close() noexcept {
  linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

bool SocketStream::try_recv(RecvOp& op) noexcept {
  BlockRef block = loop().blocks().get(op.size_hint);
  for (;;) {
    ssize_t n = system_recv(fd_, block->data(), block->capacity(), 0);
    if (n > 0) {
      auto size = static_cast<std::size_t>(n);
      // A short read has emptied the socket (epoll(7)): no second recv for EAGAIN. But a FIN that is already
      // known will not be announced again.
      if (size < block->capacity() && !hung_up_) readable_ = false;
      const char* data = block->data();
      op.result = Slice(std::move(block), data, size);
      return true;
    }
    if (n == 0) {
      hung_up_ = true;
      op.result = Slice{};
      return true;
    }
    if (errno == EINTR) continue;
    if (would_block(errno)) {
      readable_ = false;
      return false;
    }
    hung_up_ = failed_ = true;
    op.result = fail(Errc::io_reset);
    return true;
  }
}

bool SocketStream::try_send(SendOp& op) noexcept {
  while (!op.data.empty()) {
    ssize_t n = send_slices(fd_, op.data);
    if (n >= 0) {
      bool all = static_cast<std::size_t>(n) == op.data.bytes();
      op.data.consume(static_cast<std::size_t>(n));
      op.moved = true;
      if (!all) {  // a short write has filled the socket
        writable_ = false;
        return false;
      }
      break;
    }
    if (errno == EINTR) continue;
    if (would_block(errno)) {
      writable_ = false;
      return false;
    }
    op.result = fail(Errc::io_reset, {}, Origin::gateway, op.moved ? Retry::never : Retry::safe);
    op.data.clear();
    return true;
  }
  op.result = {};
  return true;
}

bool SocketStream::start_recv(RecvOp& op) noexcept {
  assert(!reader_);
  if (readable_ && try_recv(op)) return true;
  reader_ = &op;
  return false;
}

bool SocketStream::start_send(SendOp& op) noexcept {
  assert(!writer_);
  if (writable_ && try_send(op)) return true;
  writer_ = &op;
  return false;
}

void SocketStream::on_events(std::uint32_t events) noexcept {
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) readable_ = true;
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) hung_up_ = true;
  // A hang-up after our own FIN is only the second of two orderly ends: what was sent before may still be
  // unread.
  if ((events & EPOLLERR) || ((events & EPOLLHUP) && !fin_sent_)) failed_ = true;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) writable_ = true;

  // Whoever is resumed may destroy this stream; `alive` is asked before it is touched again.
  EpollPoller& poller = poller_;
  const EpollPoller::Ticket self = ticket_;
  if (connect_waiter_ && writable_) {
    std::exchange(connect_waiter_, nullptr).resume();
    return;
  }
  // A peer that went away comes first: what is done for it ends before anything more is done.
  if (closer_ && (failed_ || (hung_up_ && closer_->on_fin))) {
    CloseOp& op = *std::exchange(closer_, nullptr);
    op.hook(op.argument);
    if (!poller.alive(self)) return;
  }
  if (writer_ && writable_) {
    SendOp& op = *writer_;
    std::size_t before = op.data.bytes();
    if (try_send(op)) {
      writer_ = nullptr;
      op.waiter.wake();
      if (!poller.alive(self)) return;
    } else if (op.data.bytes() != before) {
      op.rearm(loop());
    }
  }
  if (reader_ && readable_) {
    RecvOp& op = *reader_;
    if (try_recv(op)) {
      reader_ = nullptr;
      op.waiter.wake();
    }
  }
}

}  // namespace gatehouse::net
