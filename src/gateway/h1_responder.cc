#include "gateway/h1_responder.h"

#include <algorithm>
#include <cstring>

#include "gateway/worker.h"
#include "net/join.h"
#include "upstream/websocket.h"

namespace gatehouse::gateway {
namespace {

using Kind = http::Framing::Kind;

constexpr std::uint64_t kDrainBytes = 64 * 1024;  // of a body that nobody wants any more
constexpr Duration kDrainTime = 30s;  // the client was told that the connection goes on: it may take its time
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

bool has_no_body(http::Method method, std::uint16_t status) noexcept {
  return method == http::Method::head || status < 200 || status == 204 || status == 304;
}

Error client_error(const Error& e) noexcept {
  switch (e.code) {
    case Errc::io_timeout:
      return {Errc::client_too_slow, Origin::client, Retry::never,
              "the client did not take the answer in time"};
    case Errc::io_reset:
    case Errc::io_closed:
      return {Errc::client_closed, Origin::client, Retry::never, "the client went away during the answer"};
    default: return e;
  }
}

}  // namespace

net::Task<Result<upstream::Piece>> H1RequestBody::pull_later() {
  if (std::exchange(expects_continue_, false) && inner_.received() == 0) {
    auto sent = co_await interims_.send(Slice::unowned(kContinue), 10s);
    if (!sent) co_return std::unexpected(client_error(sent.error()));
  }
  co_return co_await inner_.pull_later();
}

bool H1RequestBody::drainable() const noexcept {
  if (inner_.finished()) return true;
  if (inner_.failed()) return false;
  // A client that waits for `100 Continue` may send the body or not: nobody can tell where the next request
  // begins.
  if (expects_continue_) return false;
  std::optional<std::uint64_t> left = inner_.remaining();  // of chunks nobody knows how many follow
  return left && *left <= kDrainBytes;
}

net::Task<bool> H1RequestBody::drain() {
  auto rest = [](H1RequestBody* self) -> net::Task<bool> {
    std::uint64_t limit = self->received() + kDrainBytes;
    while (!self->finished() && self->received() <= limit) {
      auto piece = co_await upstream::pull(self->inner_);
      if (!piece) co_return false;
    }
    co_return self->finished();
  };
  Time deadline = after(stream_.loop().now(), kDrainTime);
  auto drained = co_await net::with_deadline(stream_.loop(), deadline, rest(this));
  co_return drained.value_or(false);
}

bool H1Responder::may_keep(const http::Framing& framing) const noexcept {
  return !close_ && reader_.keep_alive() && framing.kind != Kind::until_close &&
         !exchange_->worker().draining() && (!body_ || body_->drainable());
}

http::H1Out H1Responder::frame(const Reply& reply) noexcept {
  const http::RequestHead& request = exchange_->request();
  http::H1Out how;
  if (has_no_body(request.method, reply.head->status)) {
    how.length_as_given = request.method == http::Method::head || reply.head->status == 304;
  } else if (auto length = reply.body ? reply.body->length() : std::optional<std::uint64_t>(0)) {
    how.framing = {*length ? Kind::length : Kind::none, *length};
    how.zero_length = *length == 0;
  } else {
    how.framing.kind = request.version == http::Version::http10 ? Kind::until_close : Kind::chunked;
  }
  if (reply.head->status == 101) {
    if (reply.body) tunnel_ = reply.body->take_tunnel();
    how.upgrade = upstream::kWebSocket;
    return how;
  }
  ends_with_connection_ = how.framing.kind == Kind::until_close;
  keep_ = may_keep(how.framing);
  how.close = !keep_;
  how.keep_alive = keep_ && request.version == http::Version::http10;
  return how;
}

// What is there of a small body goes behind its head, so that both leave in one write.
Result<std::size_t> H1Responder::append_ready(upstream::BodySource& body, std::uint64_t length, char* out) {
  std::size_t n = 0;
  Result<upstream::Piece> piece{upstream::Piece{}};
  while (n < length && body.try_pull(piece)) {
    if (!piece) return std::unexpected(piece.error());
    if (piece->data.empty()) break;
    std::memcpy(out + n, piece->data.data(), piece->data.size());
    n += piece->data.size();
  }
  progress_.body_bytes += n;
  return n;
}

net::Task<Result<void>> H1Responder::send(Reply& reply) {
  Exchange& x = *exchange_;
  net::Loop& loop = stream_.loop();
  interims_.end();
  if (interims_.busy()) {
    if (auto settled = co_await interims_.settled(); !settled)
      co_return std::unexpected(client_error(settled.error()));
  }
  http::H1Out how = frame(reply);
  if (!listener_.hsts.empty()) reply.head->headers.set("Strict-Transport-Security", listener_.hsts);
  BlockRef block = loop.blocks().get(std::max(BlockPool::kSmall, http::head_size_bound(*reply.head)));
  char* out = block->data();
  std::size_t n = http::write_response_head(*reply.head, how, x.worker().date(), {out, block->capacity()});
  x.record().status = reply.head->status;
  x.mark_first_byte();
  Result<void> sent;
  std::uint64_t left = how.framing.length;
  if (left && left <= block->capacity() - n) {
    auto ready = append_ready(*reply.body, left, out + n);
    if (!ready) co_return std::unexpected(ready.error());
    n += *ready;
    left -= *ready;
  }
  Slice head(std::move(block), out, n);
  if (left || how.framing.kind == Kind::chunked || how.framing.kind == Kind::until_close) {
    bool events = http::is_event_stream(*reply.head);
    upstream::SendPatience patience{.idle = listener_.timeouts.write_idle,
                                    .min_rate = events ? 0 : listener_.timeouts.min_rate};
    sent = co_await upstream::send_with_body(stream_, std::move(head), *reply.body, how.framing, patience,
                                             progress_);
  } else {
    progress_.began = true;
    sent = co_await stream_.send(std::move(head), listener_.timeouts.write_idle);
    progress_.complete = sent.has_value();
  }
  if (sent) co_return sent;
  if (!progress_.began) x.record().status = 0;
  co_return std::unexpected(client_error(sent.error()));
}

net::Task<Result<void>> H1Responder::interim(const http::ResponseHead& head) {
  if (exchange_->request().version == http::Version::http10) co_return {};
  BlockRef block = stream_.loop().blocks().get(std::max(BlockPool::kSmall, http::head_size_bound(head)));
  char* out = block->data();
  std::size_t n = http::write_interim_head(head, {out, block->capacity()});
  auto sent = co_await interims_.send(Slice(std::move(block), out, n), listener_.timeouts.write_idle);
  if (!sent) co_return std::unexpected(client_error(sent.error()));
  co_return {};
}

}  // namespace gatehouse::gateway
