// The seam of input and output: byte streams, completion-shaped.
//
// `recv` yields bytes in a block that the loop owned; `send` takes ownership of slices: no caller's buffer is
// ever lent to the kernel, so readiness (epoll), completions (io_uring), TLS and the simulation all fit below
// it.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <memory>

#include "base/block.h"
#include "base/error.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/min_rate.h"

namespace gatehouse::net {

// Up to kMax slices to be sent as one.
class SliceList {
 public:
  static constexpr std::size_t kMax = 8;
  // Only the first `count_` places hold a slice: a list of one costs what one slice costs.
  SliceList() noexcept {}  // NOLINT(modernize-use-equals-default): the places stay raw
  SliceList(SliceList&& o) noexcept { take(o); }
  SliceList& operator=(SliceList&& o) noexcept {
    if (this == &o) return *this;
    clear();
    take(o);
    return *this;
  }
  ~SliceList() { clear(); }
  bool full() const noexcept { return count_ == kMax; }
  bool empty() const noexcept { return count_ == 0; }
  std::size_t count() const noexcept { return count_; }
  std::size_t bytes() const noexcept { return bytes_; }
  void add(Slice s) noexcept {
    assert(!full());
    bytes_ += s.size();
    if (!s.empty()) new (&places_[count_++].slice) Slice(std::move(s));
  }
  Slice& operator[](std::size_t i) noexcept { return places_[i].slice; }
  const Slice& operator[](std::size_t i) const noexcept { return places_[i].slice; }
  // Drops the first n bytes, which have been sent.
  void consume(std::size_t n) noexcept;
  void clear() noexcept {
    for (std::uint32_t i = 0; i < count_; ++i) places_[i].slice.~Slice();
    count_ = 0;
    bytes_ = 0;
  }

 private:
  union Place {
    Place() noexcept {}   // NOLINT(modernize-use-equals-default)
    ~Place() noexcept {}  // NOLINT(modernize-use-equals-default)
    Slice slice;
  };
  void take(SliceList& o) noexcept {
    for (std::uint32_t i = 0; i < o.count_; ++i) new (&places_[i].slice) Slice(std::move(o.places_[i].slice));
    count_ = o.count_;
    bytes_ = o.bytes_;
    o.clear();
  }
  std::array<Place, kMax> places_;
  std::uint32_t count_ = 0;
  std::size_t bytes_ = 0;
};

// Whom a completion tells: a coroutine, or a stream that stands on this one.
class Waiter {
 public:
  using Wake = void (*)(void*) noexcept;
  Waiter() noexcept = default;
  Waiter(Wake wake, void* argument) noexcept : wake_(wake), argument_(argument) {}
  Waiter(std::coroutine_handle<> h) noexcept : wake_(&resume), argument_(h.address()) {}  // NOLINT: implicit
  explicit operator bool() const noexcept { return wake_ != nullptr; }
  void wake() const noexcept { wake_(argument_); }

 private:
  static void resume(void* h) noexcept { std::coroutine_handle<>::from_address(h).resume(); }
  Wake wake_ = nullptr;
  void* argument_ = nullptr;
};

// Operations under way. Owned by the awaitable; the stream holds a pointer until it completes or is
// cancelled.
struct RecvOp {
  std::size_t size_hint = BlockPool::kSmall;  // capacity of the block to read into
  Result<Slice> result{Slice{}};
  Waiter waiter;
};
struct SendOp {
  SliceList data;
  Result<void> result{};
  Waiter waiter;
  bool moved = false;               // the kernel has taken at least one byte
  Timer* progress_timer = nullptr;  // re-armed whenever bytes move
  Duration progress_limit{};
  MinRate* rate = nullptr;    // the peer's; null = none
  std::size_t uncounted = 0;  // of `data` when the rate was last told
  SendOp* carried = nullptr;  // the operation whose bytes these carry: its timer is the one that matters

  // What has moved since goes to the peer's credit.
  void count() noexcept {
    if (rate) rate->add(uncounted - data.bytes());
    uncounted = data.bytes();
  }
  void rearm(Loop& loop) noexcept {
    const SendOp& timed = carried ? *carried : *this;
    if (!timed.progress_timer) return;
    Time slow = kNever;
    if (rate) {
      count();
      rate->end(loop.now());
      rate->begin(loop.now());
      slow = rate->fails_at();
    }
    loop.set_timer(*timed.progress_timer, std::min(slow, after(loop.now(), timed.progress_limit)));
  }
};
// Completes when the peer's end (FIN, if `on_fin`) or a reset is known. `hook` is called from the loop's
// stack.
struct CloseOp {
  void (*hook)(void*) noexcept = nullptr;
  void* argument = nullptr;
  bool on_fin = true;
};

// Thread: its loop. At most one recv, one send and one watch at a time. Destroying the stream closes it;
// nothing may be waiting on it then.
class Stream {
 public:
  explicit Stream(Loop& loop) noexcept : loop_(loop) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  Loop& loop() const noexcept { return loop_; }

  class RecvAwaitable;
  class SendAwaitable;
  // Bytes as they come; an empty slice is the peer's orderly end. Errc::io_timeout at `deadline`, io_reset.
  [[nodiscard]] RecvAwaitable recv(std::size_t size_hint, Time deadline) noexcept;
  // Completes when the kernel has taken everything. Errc::io_timeout if nothing moves for `progress_limit`,
  // or if it moves more slowly than `rate` (which outlives the send) lets it; io_reset, with Retry::safe if
  // not one byte was taken. A send that failed or was cancelled leaves the stream good for closing only.
  [[nodiscard]] SendAwaitable send(SliceList&& data, Duration progress_limit,
                                   MinRate* rate = nullptr) noexcept;
  [[nodiscard]] SendAwaitable send(Slice data, Duration progress_limit) noexcept;

  // True if the peer has closed, reset, or sent bytes that nobody asked for: a pooled connection in this
  // state is of no use. Costs no system call.
  virtual bool stale() const noexcept = 0;
  // True if the peer's FIN or a reset is known (without having read up to it).
  virtual bool peer_closed() const noexcept = 0;
  // True if the peer is known to be gone altogether, not only to have ended its sending.
  virtual bool peer_gone() const noexcept { return false; }
  virtual void shutdown_send() noexcept = 0;  // our FIN
  // Ends both directions now; a recv under way completes with the end or a reset.
  virtual void abort() noexcept { shutdown_send(); }
  // Asks the kernel whether the peer has closed or sent anything, where `stale` (what events have told) is
  // not enough.
  virtual bool probe_stale() noexcept { return stale(); }
  virtual void reset_on_close() noexcept = 0;  // a RST instead of a FIN when destroyed
  virtual const SocketAddress& peer() const noexcept = 0;
  virtual const class TlsInfo* tls() const noexcept { return nullptr; }  // null: clear text

  // The seam proper. `start_*` returns true if the operation completed at once; else it completes by waking
  // `waiter` from the loop's stack.
  virtual bool start_recv(RecvOp& op) noexcept = 0;
  virtual void cancel_recv() noexcept = 0;
  virtual bool start_send(SendOp& op) noexcept = 0;
  virtual void cancel_send() noexcept = 0;
  virtual void watch_close(
      CloseOp& op) noexcept = 0;  // op.hook is not called from inside this; see peer_closed
  virtual void unwatch_close() noexcept = 0;

 private:
  Loop& loop_;
};

using StreamPtr = std::unique_ptr<Stream>;

// `a` followed by `b` in one piece; in place where a's block has room and no other owner.
Slice joined(BlockPool& blocks, Slice a, const Slice& b);

class Stream::RecvAwaitable {
 public:
  RecvAwaitable(Stream& stream, std::size_t hint, Time deadline) noexcept
      : stream_(stream), timer_(&expired, this), deadline_(deadline) {
    op_.size_hint = hint;
  }
  RecvAwaitable(const RecvAwaitable&) = delete;
  ~RecvAwaitable() {
    if (op_.waiter) stream_.cancel_recv();
  }
  bool await_ready() noexcept { return stream_.start_recv(op_); }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    op_.waiter = h;
    if (deadline_ != kNever) stream_.loop().set_timer(timer_, deadline_);
  }
  Result<Slice> await_resume() noexcept {
    op_.waiter = {};
    return std::move(op_.result);
  }

 private:
  static void expired(void* self) noexcept {
    auto* a = static_cast<RecvAwaitable*>(self);
    a->stream_.cancel_recv();
    a->op_.result = fail(Errc::io_timeout);
    a->op_.waiter.wake();
  }
  Stream& stream_;
  RecvOp op_;
  Timer timer_;
  Time deadline_;
};

class Stream::SendAwaitable {
 public:
  SendAwaitable(Stream& stream, SliceList&& data, Duration limit, MinRate* rate) noexcept
      : stream_(stream), timer_(&expired, this) {
    op_.data = std::move(data);
    op_.progress_limit = limit;
    op_.rate = rate;
    op_.uncounted = op_.data.bytes();
  }
  SendAwaitable(Stream& stream, Slice data, Duration limit) noexcept
      : stream_(stream), timer_(&expired, this) {
    op_.data.add(std::move(data));
    op_.progress_limit = limit;
  }
  SendAwaitable(const SendAwaitable&) = delete;
  ~SendAwaitable() {
    if (op_.waiter) stream_.cancel_send();
  }
  bool await_ready() noexcept { return stream_.start_send(op_); }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    op_.waiter = h;
    op_.progress_timer = &timer_;
    if (op_.rate) op_.rate->begin(stream_.loop().now());
    op_.rearm(stream_.loop());
  }
  Result<void> await_resume() noexcept {
    if (op_.rate) {
      op_.count();
      if (op_.waiter) op_.rate->end(stream_.loop().now());
    }
    op_.waiter = {};
    return op_.result;
  }

 private:
  static void expired(void* self) noexcept {
    auto* a = static_cast<SendAwaitable*>(self);
    a->stream_.cancel_send();
    a->op_.result = fail(Errc::io_timeout);
    a->op_.waiter.wake();
  }
  Stream& stream_;
  SendOp op_;
  Timer timer_;
};

inline Stream::RecvAwaitable Stream::recv(std::size_t size_hint, Time deadline) noexcept {
  return {*this, size_hint, deadline};
}
inline Stream::SendAwaitable Stream::send(SliceList&& data, Duration progress_limit, MinRate* rate) noexcept {
  return {*this, std::move(data), progress_limit, rate};
}
inline Stream::SendAwaitable Stream::send(Slice data, Duration progress_limit) noexcept {
  return {*this, std::move(data), progress_limit};
}

}  // namespace gatehouse::net
