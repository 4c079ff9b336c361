#include "upstream/h1_exchange.h"

#include <algorithm>

#include "http/h1_writer.h"
#include "net/join.h"
#include "upstream/tunnel.h"
#include "upstream/websocket.h"

namespace gatehouse::upstream {
namespace {

using Kind = http::Framing::Kind;

constexpr http::H1Limits kResponseLimits{.max_head = 64 * 1024, .max_target = 0, .max_fields = 200};
constexpr int kMaxInterim = 16;   // 1xx heads before the final one
constexpr Duration kMargin = 1s;  // a connection is left alone this long before its service would close it

}  // namespace

H1Exchange::H1Exchange(Client& client, Lease lease, const Call& call)
    : client_(client),
      lease_(std::move(lease)),
      call_(call),
      stream_(*lease_.connection().stream),
      reader_(kResponseLimits) {}

H1Exchange::~H1Exchange() {
  pump_.cancel();
  bool reusable = response_reusable_ && body_ && body_->finished() && progress_.complete && input_.empty();
  if (!reusable) return;
  Duration idle = call_.policy.idle;
  if (auto seconds = reader_.keep_alive_timeout()) idle = std::min(idle, Duration(1s) * seconds - kMargin);
  if (idle > Duration::zero()) std::move(lease_).give_back_connection(after(client_.loop().now(), idle));
}

Slice H1Exchange::write_head(http::Framing& framing) const {
  http::H1Out how;
  if (call_.body) {
    auto length = call_.body->length();
    framing = length ? http::Framing{Kind::length, *length} : http::Framing{Kind::chunked, 0};
    how.framing = framing;
    how.zero_length = length && *length == 0;
  }
  if (call_.websocket) how.upgrade = kWebSocket;
  BlockRef block = client_.loop().blocks().get(
      std::max(BlockPool::kSmall, http::head_size_bound(call_.head) + call_.target.size()));
  char* out = block->data();
  std::size_t n = http::write_request_head(call_.head, call_.target, how, {out, block->capacity()});
  return {std::move(block), out, n};
}

void H1Exchange::begin_head() noexcept {
  call_.report.request_sent = client_.loop().now();
  head_deadline_ = after(client_.loop().now(), call_.policy.timeout);
}

net::Task<Result<http::ResponseHead*>> H1Exchange::run_without_body(Time deadline) {
  http::Framing none;
  progress_.began = true;
  auto sent = co_await stream_.send(write_head(none), call_.policy.timeout);
  if (!sent) {
    progress_.began = sent.error().retry != Retry::safe;
    co_return std::unexpected(send_error(sent.error()));
  }
  progress_.complete = true;
  begin_head();
  deadline_is_of_call_ = deadline < head_deadline_;
  head_deadline_ = std::min(deadline, head_deadline_);
  // What `read_head` does; here without a frame of its own, for this is the path of nearly every request.
  for (;;) {
    if (auto taken = take(co_await stream_.recv(BlockPool::kMedium, head_deadline_)); !taken)
      co_return std::unexpected(taken.error());
    auto heard = hear();
    if (!heard) co_return std::unexpected(heard.error());
    if (*heard == Heard::final_head) co_return finish_head();
    if (*heard == Heard::interim) co_return co_await read_head(*heard);
  }
}

net::Task<void> H1Exchange::pump(Slice head, http::Framing framing) {
  auto sent = co_await send_with_body(stream_, std::move(head), *call_.body, framing,
                                      {.idle = call_.policy.body_idle}, progress_);
  if (sent) {
    begin_head();
    co_return;
  }
  bool of_stream = sent.error().code == Errc::io_reset || sent.error().code == Errc::io_timeout;
  if (of_stream && sent.error().retry == Retry::safe && progress_.sends == 1) progress_.began = false;
  pump_error_ = of_stream ? send_error(sent.error()) : sent.error();
  // A body that broke off must not leave the service waiting for its rest. But a service that stopped reading
  // may have answered before: that answer is still read.
  if (of_stream) co_return;
  aborted_ = true;
  stream_.abort();
}

net::Task<Result<http::ResponseHead*>> H1Exchange::run_with_body(Time deadline) {
  net::Loop& loop = client_.loop();
  http::Framing framing;
  Slice out = write_head(framing);
  pump_ = pump(std::move(out), framing);
  Time began = loop.now();
  auto reading = read_head(Heard::more);
  co_await net::either(pump_, reading);
  if (!reading.done()) {
    if (pump_error_ && pump_error_->origin != Origin::upstream) co_return std::unexpected(*pump_error_);
    // The call's deadline does not count the time in which the body still arrived.
    Time of_call = after(deadline, loop.now() - began);
    Time of_try = after(loop.now(), call_.policy.timeout);
    auto head = co_await net::with_deadline(loop, std::min(of_call, of_try), std::move(reading));
    deadline_is_of_call_ = of_call < of_try;
    if (!head) co_return std::unexpected(head_error({.code = Errc::io_timeout}));
    if (!*head && pump_error_) co_return std::unexpected(*pump_error_);
    co_return *head;
  }
  auto head = reading.take();
  if (!head && pump_error_) co_return std::unexpected(*pump_error_);
  co_return head;
}

net::Task<Result<http::ResponseHead*>> H1Exchange::read_head(Heard heard) {
  while (heard != Heard::final_head) {
    if (heard == Heard::interim) {
      if (head_->status != 100 && call_.interim) {  // 100 is ours to send
        if (auto sent = co_await call_.interim->interim(*head_); !sent)
          co_return std::unexpected(sent.error());
      }
      forget_interim();
    } else if (auto taken = take(co_await stream_.recv(BlockPool::kMedium, head_deadline_)); !taken) {
      co_return std::unexpected(taken.error());
    }
    auto next = hear();
    if (!next) co_return std::unexpected(next.error());
    heard = *next;
  }
  co_return finish_head();
}

Result<void> H1Exchange::take(Result<Slice> bytes) {
  if (!bytes) return std::unexpected(head_error(bytes.error()));
  if (bytes->empty()) return std::unexpected(head_error({.code = Errc::io_closed}));
  input_ =
      input_.empty() ? std::move(*bytes) : net::joined(client_.loop().blocks(), std::move(input_), *bytes);
  return {};
}

// Reads on in what has come.
Result<H1Exchange::Heard> H1Exchange::hear() {
  if (!head_) {
    head_ = new (call_.arena.allocate(sizeof(http::ResponseHead), alignof(http::ResponseHead)))
        http::ResponseHead(call_.arena);
  }
  if (input_.empty()) return Heard::more;
  auto progress = reader_.feed(input_.view(), call_.head.method, *head_);
  if (!progress) return fail(Errc::upstream_malformed, progress.error().detail, Origin::upstream);
  if (*progress == http::Progress::more) return Heard::more;
  if (head_->status >= 200) return Heard::final_head;
  if (head_->status == 101 && call_.websocket) {
    if (confirms_websocket(call_.head, *head_, reader_.upgrade(*head_))) return Heard::final_head;
    return fail(Errc::upstream_malformed, "a 101 that does not confirm the WebSocket", Origin::upstream);
  }
  if (head_->status == 101 || ++interims_ > kMaxInterim)
    return fail(Errc::upstream_malformed, "an interim response that nobody asked for", Origin::upstream);
  return Heard::interim;
}

void H1Exchange::forget_interim() noexcept {
  input_.remove_prefix(reader_.consumed());
  reader_.reset();
  head_ = nullptr;
}

Result<http::ResponseHead*> H1Exchange::finish_head() {
  call_.report.head_at = client_.loop().now();
  lease_.endpoint().shared->answered();
  head_block_ = input_.block();
  input_.remove_prefix(reader_.consumed());
  response_reusable_ =
      reader_.keep_alive() && reader_.framing().kind != Kind::until_close && head_->status != 101;
  H1BodyPolicy policy{
      .sender = Origin::upstream,
      .idle = http::is_event_stream(*head_) ? call_.policy.stream_idle : call_.policy.body_idle};
  body_.emplace(stream_, input_, reader_.framing(), call_.arena, policy);
  return head_;
}

Error H1Exchange::head_error(const Error& e) const noexcept {
  bool untouched = !reader_.started() && input_.empty();
  Retry retry = lease_.connection().reused && untouched ? Retry::if_reused : Retry::never;
  switch (e.code) {
    case Errc::io_timeout:
      if (deadline_is_of_call_)
        return {Errc::deadline_exceeded, Origin::upstream, Retry::never, "no answer before the deadline"};
      return {Errc::upstream_timeout, Origin::upstream, Retry::never, "no response head in time"};
    case Errc::tls_failed: return {Errc::upstream_tls, Origin::upstream, Retry::never, e.detail};
    case Errc::io_closed:
      return {Errc::upstream_closed, Origin::upstream, retry,
              "the connection was closed before the response"};
    default:
      return {Errc::upstream_reset, Origin::upstream, retry, "the connection was reset before the response"};
  }
}

Error H1Exchange::send_error(const Error& e) const noexcept {
  if (e.code == Errc::io_timeout)
    return {Errc::upstream_timeout, Origin::upstream, Retry::never,
            "the service did not take the request in time"};
  Retry retry = lease_.connection().reused ? Retry::if_reused : Retry::never;
  return {Errc::upstream_reset, Origin::upstream, retry,
          "the connection was reset while the request was sent"};
}

void H1Exchange::count(const Result<Piece>& piece) noexcept {
  if (piece && piece->kind == Piece::Kind::data) call_.report.response_bytes += piece->data.size();
}

bool H1Exchange::try_pull(Result<Piece>& out) {
  if (!body_->try_pull(out)) return false;
  count(out);
  return true;
}

std::unique_ptr<Tunnel> H1Exchange::take_tunnel() {
  if (head_->status != 101 || !lease_.connected()) return nullptr;
  Slice said = std::exchange(input_, Slice{});
  if (said.empty()) said = Slice{};  // an idle tunnel holds no block
  return std::make_unique<Tunnel>(std::move(lease_), call_.service.shared, std::move(said),
                                  call_.policy.stream_idle);
}

// Our own end of the connection is not the end of an answer: not even of one that ends with it.
bool H1Exchange::cut_by_us(const Result<Piece>& piece) const noexcept {
  if (!aborted_) return false;
  return !piece || (piece->kind == Piece::Kind::end && reader_.framing().kind == Kind::until_close);
}

net::Task<Result<Piece>> H1Exchange::pull_later() {
  auto piece = co_await body_->pull_later();
  if (cut_by_us(piece)) co_return std::unexpected(*pump_error_);
  count(piece);
  co_return piece;
}

}  // namespace gatehouse::upstream
