#include "net/memory_stream.h"

#include <algorithm>
#include <utility>

namespace gatehouse::net {

MemoryStream::MemoryStream(MemoryWorld& world, Loop& loop, MemoryPoller& poller,
                           std::shared_ptr<MemoryConnection> connection, int end, bool connecting)
    : Stream(loop),
      world_(world),
      poller_(poller),
      connection_(std::move(connection)),
      end_(end),
      writable_(!connecting) {
  connection_->attach(end, *this);
  ++world_.open_streams_;
  // As when a descriptor is added to epoll: what is already there is told by the next poll.
  if (connection_->readable(end)) told_ |= kIn;
  if (connection_->fin_arrived(end)) told_ |= kEnd;
  if (connection_->failed(end)) told_ |= kIn | kOut | kEnd | kError;
  if (told_) poller_.announce(*this);
}

MemoryStream::~MemoryStream() {
  assert(!reader_ && !writer_ && "something still waits on the stream");
  if (gone_) *gone_ = true;
  connection_->close(end_, reset_on_close_);
  --world_.open_streams_;
}

void MemoryStream::abort() noexcept {
  connection_->finish(end_);
  connection_->stop_reading(end_);
}

// How much a recv takes at most: now and then less than there is.
std::size_t MemoryStream::read_size(std::size_t capacity) noexcept {
  if (!world_.chance(world_.faults().partial_recv)) return capacity;
  std::uint32_t most = world_.chance(0.5) ? 16 : static_cast<std::uint32_t>(capacity);
  return std::min<std::size_t>(capacity, 1 + world_.random().below(most));
}

bool MemoryStream::try_recv(RecvOp& op) noexcept {
  BlockRef block = loop().blocks().get(op.size_hint);
  char* data = block->data();
  std::size_t most = read_size(block->capacity());
  MemoryConnection::Received r = connection_->receive(end_, data, most);
  switch (r.outcome) {
    case MemoryConnection::Outcome::bytes:
      if (r.size < block->capacity() && !hung_up_) {
        readable_ = false;
        // A part that was left behind is as good as one that comes a moment later.
        if (r.size == most && connection_->readable(end_)) tell(kIn);
      }
      op.result = Slice(std::move(block), data, r.size);
      return true;
    case MemoryConnection::Outcome::end:
      hung_up_ = true;
      op.result = Slice{};
      return true;
    case MemoryConnection::Outcome::would_block: readable_ = false; return false;
    case MemoryConnection::Outcome::reset:
      hung_up_ = failed_ = true;
      op.result = fail(Errc::io_reset);
      return true;
  }
  return false;
}

bool MemoryStream::try_send(SendOp& op) noexcept {
  if (!op.data.empty() && !connection_->send(end_, op.data)) {
    op.result = fail(Errc::io_reset);
    op.data.clear();
    return true;
  }
  if (!op.data.empty()) {
    writable_ = false;
    return false;
  }
  op.result = {};
  return true;
}

bool MemoryStream::probe_stale() noexcept {
  if (hung_up_ || connection_->readable(end_)) return true;
  readable_ = false;
  return false;
}

bool MemoryStream::start_recv(RecvOp& op) noexcept {
  assert(!reader_);
  if (readable_ && try_recv(op)) return true;
  reader_ = &op;
  return false;
}

bool MemoryStream::start_send(SendOp& op) noexcept {
  assert(!writer_);
  if (writable_ && try_send(op)) return true;
  writer_ = &op;
  return false;
}

bool MemoryStream::serve_writer() noexcept {
  if (!writer_ || !writable_) return true;
  SendOp& op = *writer_;
  std::size_t before = op.data.bytes();
  if (!try_send(op)) {
    if (op.data.bytes() != before) op.rearm(loop());
    return true;
  }
  writer_ = nullptr;
  bool gone = false;
  gone_ = &gone;
  op.waiter.wake();
  if (!gone) gone_ = nullptr;
  return !gone;
}

bool MemoryStream::serve_reader() noexcept {
  if (!reader_ || !readable_ || !try_recv(*reader_)) return true;
  RecvOp& op = *std::exchange(reader_, nullptr);
  bool gone = false;
  gone_ = &gone;
  op.waiter.wake();
  if (!gone) gone_ = nullptr;
  return !gone;
}

bool MemoryStream::serve_closer() noexcept {
  if (!closer_ || !(failed_ || (hung_up_ && closer_->on_fin))) return true;
  CloseOp& op = *std::exchange(closer_, nullptr);
  bool gone = false;
  gone_ = &gone;
  op.hook(op.argument);
  if (!gone) gone_ = nullptr;
  return !gone;
}

// Step for step what SocketStream::on_events does.
void MemoryStream::on_events() noexcept {
  std::uint32_t events = std::exchange(told_, 0);
  if (events & (kIn | kEnd | kError)) readable_ = true;
  if (events & (kEnd | kError)) hung_up_ = true;
  if (events & kError) failed_ = true;
  if (events & (kOut | kError)) writable_ = true;
  if (connect_waiter_ && writable_) {
    std::exchange(connect_waiter_, nullptr).resume();
    return;
  }
  if (!serve_closer() || !serve_writer()) return;
  serve_reader();
}

}  // namespace gatehouse::net
