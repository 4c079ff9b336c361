// Streams that lose wakes and bytes, or say things twice.
#include <algorithm>

#include "sim/planted.h"

namespace gatehouse::sim {
namespace {

constexpr std::uint64_t kEdge = 16384;  // where bytes get lost

// Follows the records of TLS in a stream, to know where one ends.
class Records {
 public:
  // True if `bytes` end where a record does.
  bool end_with(std::string_view bytes) noexcept {
    for (char c : bytes) {
      auto byte = static_cast<std::uint8_t>(c);
      if (at_ == 0 && size_ == 0 && records_ == 0) tls_ = byte == 0x16;
      if (!tls_) return false;
      if (at_ == 3 || at_ == 4) size_ = size_ << 8 | byte;  // behind type and version
      if (++at_ < kHeader + size_ || at_ < kHeader) continue;
      at_ = size_ = 0;
      ++records_;
    }
    return at_ == 0 && records_ > 0;
  }

 private:
  static constexpr std::size_t kHeader = 5;
  bool tls_ = false;
  std::size_t at_ = 0;  // in the record
  std::size_t size_ = 0;
  std::size_t records_ = 0;
};

class FaultyStream final : public net::Stream {
 public:
  FaultyStream(net::StreamPtr inner, Planted& planted)
      : net::Stream(inner->loop()), planted_(planted), inner_(std::move(inner)) {
    inner_op_.waiter = {&received, this};
  }

  bool stale() const noexcept override { return inner_->stale(); }
  bool peer_closed() const noexcept override { return inner_->peer_closed(); }
  bool peer_gone() const noexcept override { return inner_->peer_gone(); }
  void shutdown_send() noexcept override { inner_->shutdown_send(); }
  void abort() noexcept override { inner_->abort(); }
  bool probe_stale() noexcept override { return inner_->probe_stale(); }
  void reset_on_close() noexcept override { inner_->reset_on_close(); }
  const net::SocketAddress& peer() const noexcept override { return inner_->peer(); }

  bool start_recv(net::RecvOp& op) noexcept override {
    inner_op_.size_hint = op.size_hint;
    if (planted_.is(Bug::lost_wake) && planted_.strikes(40)) return false;
    if (inner_->start_recv(inner_op_)) {
      op.result = mangled(std::move(inner_op_.result));
      return true;
    }
    outer_ = &op;
    return false;
  }
  void cancel_recv() noexcept override {
    if (std::exchange(outer_, nullptr)) inner_->cancel_recv();
  }
  bool start_send(net::SendOp& op) noexcept override {
    if (planted_.is(Bug::post_twice)) say_twice(op);
    return inner_->start_send(op);
  }
  void cancel_send() noexcept override { inner_->cancel_send(); }
  void watch_close(net::CloseOp& op) noexcept override { inner_->watch_close(op); }
  void unwatch_close() noexcept override { inner_->unwatch_close(); }

 private:
  static void received(void* self) noexcept {
    auto* stream = static_cast<FaultyStream*>(self);
    net::RecvOp* op = std::exchange(stream->outer_, nullptr);
    op->result = stream->mangled(std::move(stream->inner_op_.result));
    op->waiter.wake();  // may destroy the stream
  }

  Result<Slice> mangled(Result<Slice> bytes) {
    if (!bytes || bytes->empty()) return bytes;
    if (planted_.is(Bug::torn_record))
      return records_.end_with(bytes->view()) && planted_.strikes(20) ? bytes->first(bytes->size() - 1)
                                                                      : *bytes;
    if (planted_.is(Bug::lost_first_word)) return without_first_word(std::move(*bytes));
    if (!planted_.is(Bug::dropped_byte)) return bytes;
    std::uint64_t before = received_bytes_;
    received_bytes_ += bytes->size();
    bool edge = before / kEdge != received_bytes_ / kEdge;
    return edge && bytes->size() > 1 ? bytes->first(bytes->size() - 1) : *bytes;
  }
  // What comes in one piece with a 101 misses its first byte.
  Slice without_first_word(Slice bytes) {
    std::string_view text = bytes.view();
    auto end = text.find("\r\n\r\n");
    if (!text.starts_with("HTTP/1.1 101 ") || end == std::string_view::npos || end + 4 == text.size())
      return bytes;
    BlockRef block = loop().blocks().get(text.size());
    char* data = block->data();
    char* to = std::ranges::copy(text.substr(0, end + 4), data).out;
    std::ranges::copy(text.substr(end + 5), to);
    return {std::move(block), data, text.size() - 1};
  }
  // A request that leaves in one write leaves twice.
  void say_twice(net::SendOp& op) {
    std::size_t n = op.data.count();
    if (n == 0 || n * 2 > net::SliceList::kMax || !op.data[0].view().starts_with("POST ")) return;
    if (!planted_.strikes(3)) return;
    for (std::size_t i = 0; i < n; ++i) op.data.add(op.data[i]);
  }

  Planted& planted_;
  net::RecvOp inner_op_;
  net::RecvOp* outer_ = nullptr;
  std::uint64_t received_bytes_ = 0;
  Records records_;
  net::StreamPtr inner_;
};

class FaultyAcceptor final : public net::Acceptor {
 public:
  FaultyAcceptor(std::unique_ptr<net::Acceptor> inner, Planted& planted)
      : inner_(std::move(inner)), planted_(planted) {}
  Result<net::StreamPtr> try_accept() override {
    auto stream = inner_->try_accept();
    if (!stream || !*stream) return stream;
    return std::make_unique<FaultyStream>(std::move(*stream), planted_);
  }
  bool start_wait(std::coroutine_handle<> waiter) noexcept override { return inner_->start_wait(waiter); }
  void cancel_wait() noexcept override { inner_->cancel_wait(); }

 private:
  std::unique_ptr<net::Acceptor> inner_;
  Planted& planted_;
};

class FaultyNetwork final : public net::Network {
 public:
  FaultyNetwork(net::Network& inner, Planted& planted) : inner_(inner), planted_(planted) {}
  net::Task<Result<net::StreamPtr>> connect(net::SocketAddress to, Time deadline) override {
    auto stream = co_await inner_.connect(std::move(to), deadline);
    if (!stream) co_return stream;
    co_return std::make_unique<FaultyStream>(std::move(*stream), planted_);
  }
  Result<std::unique_ptr<net::Acceptor>> accept_on(std::unique_ptr<net::BoundSocket> socket) override {
    auto acceptor = inner_.accept_on(std::move(socket));
    if (!acceptor || !(planted_.is(Bug::lost_wake) || planted_.is(Bug::torn_record))) return acceptor;
    return std::make_unique<FaultyAcceptor>(std::move(*acceptor), planted_);
  }

 private:
  net::Network& inner_;
  Planted& planted_;
};

}  // namespace

std::unique_ptr<net::Network> Planted::around(net::Network& real) {
  return is(Bug::post_twice) || is(Bug::lost_wake) || is(Bug::dropped_byte) || is(Bug::torn_record) ||
                 is(Bug::lost_first_word)
             ? std::make_unique<FaultyNetwork>(real, *this)
             : nullptr;
}

}  // namespace gatehouse::sim
