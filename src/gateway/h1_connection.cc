#include "gateway/h1_connection.h"

#include <algorithm>

#include "gateway/exchange.h"
#include "gateway/h1_responder.h"
#include "gateway/tunnel.h"
#include "net/join.h"

namespace gatehouse::gateway {
namespace {

constexpr Duration kLingerTime = 2s;
constexpr std::size_t kLingerBytes = 256 * 1024;
constexpr unsigned kExchangesInTurn =
    16;  // pipelined ones need not wait for anything: others are to be served too

Error head_error(const Error& e) noexcept {
  if (e.code == Errc::io_timeout)
    return {Errc::client_timeout, Origin::client, Retry::never, "the request head was not complete in time"};
  return {Errc::client_closed, Origin::client, Retry::never, "the connection ended in the request head"};
}

http::H1Limits limits_of(const config::ListenerSpec& l) noexcept {
  http::H1Limits limits;
  limits.max_head = static_cast<std::size_t>(l.max_head);
  limits.max_target = std::min(limits.max_target, limits.max_head);
  return limits;
}

}  // namespace

H1Connection::H1Connection(Worker& worker, std::string_view listener, ConnectionPermit permit,
                           net::StreamPtr stream)
    : worker_(worker),
      listener_(listener),
      permit_(std::move(permit)),
      stream_(std::move(stream)),
      opened_(worker.loop().now()) {}

// The exchange under way, for whoever ends it from outside; and what its record gets on every way out.
class H1Connection::Underway {
 public:
  Underway(H1Connection& c, Exchange& x, const H1Responder& r, const std::optional<H1RequestBody>& b) noexcept
      : connection_(c), exchange_(x), responder_(r), body_(b) {
    c.exchange_ = &x;
  }
  Underway(const Underway&) = delete;
  ~Underway() {
    connection_.exchange_ = nullptr;
    if (body_) exchange_.record().bytes_in = body_->received();
    exchange_.record().bytes_out = responder_.body_bytes();
  }

 private:
  H1Connection& connection_;
  Exchange& exchange_;
  const H1Responder& responder_;
  const std::optional<H1RequestBody>& body_;
};

H1Connection::~H1Connection() {
  note_shutdown();
  running_.cancel();
}

void H1Connection::start() { running_ = run(); }

void H1Connection::note_shutdown() noexcept {
  const Error ended{Errc::shutting_down, Origin::gateway, Retry::never,
                    "the gateway ended before the exchange did"};
  if (exchange_) exchange_->note_failure(ended);
  if (tunnel_) tunnel_->note_failure(ended);
}

void H1Connection::cancel() noexcept {
  note_shutdown();
  running_.cancel();
  tunnel_.reset();
  worker_.connection_ended(*this);
}

net::Task<void> H1Connection::run() {
  net::TurnShare share(kExchangesInTurn);
  while (!last_) {
    if (input_.empty()) {
      const CompiledListener* l = worker_.current().listener(listener_);
      if (!l) break;
      worker_.set_idle(*this, true);
      auto bytes =
          co_await stream_->recv(BlockPool::kSmall, after(worker_.loop().now(), l->spec.timeouts.keep_alive));
      worker_.set_idle(*this, false);
      if (!bytes || bytes->empty()) break;
      input_ = std::move(*bytes);
    }
    Then then = co_await exchange();
    served_ = true;
    if (share.spent(worker_.loop().now())) co_await net::yield(worker_.loop());
    if (then == Then::linger || (then == Then::next && last_)) co_await linger();
    if (then == Then::tunnel) co_await relay();
    if (then != Then::next) break;
  }
  worker_.connection_ended(*this);
}

net::Task<Result<void>> H1Connection::read_head(http::H1RequestReader& reader, http::RequestHead& head,
                                                Time deadline) {
  for (;;) {
    auto progress = reader.feed(input_.view(), head);
    if (!progress) co_return std::unexpected(progress.error());
    if (*progress == http::Progress::done) co_return {};
    auto more = co_await stream_->recv(BlockPool::kSmall, deadline);
    if (!more) co_return std::unexpected(head_error(more.error()));
    if (more->empty()) co_return std::unexpected(head_error({.code = Errc::io_closed}));
    input_ = net::joined(worker_.loop().blocks(), std::move(input_), *more);
  }
}

// One request and its answer. Everything that belongs to it lives in this frame and is gone when it ends.
net::Task<H1Connection::Then> H1Connection::exchange() {
  net::Loop& loop = worker_.loop();
  SnapshotPin pin = worker_.pin();
  const CompiledListener* listener = pin.snapshot().listener(listener_);
  if (!listener) co_return Then::close;
  const config::ListenerSpec& spec = listener->spec;
  Time began = loop.now();
  Arena arena(loop.blocks(), input_);
  http::H1RequestReader reader(limits_of(spec));
  H1Responder responder(*stream_, spec, reader);
  BlockRef head_block;  // the head's views point into it, until the exchange is recorded
  Exchange x(worker_, pin, *listener, responder, arena, stream_->peer().ip, began);
  responder.attach(x);
  x.set_tls(stream_->tls());
  std::optional<H1RequestBody> body;
  Underway underway(*this, x, responder, body);

  auto head = co_await read_head(reader, x.request(), after(began, spec.timeouts.head));
  if (!head) {
    responder.close_after();
    co_await refuse_request(x, head.error());
    co_return Then::linger;
  }
  head_block = input_.block();
  input_.remove_prefix(reader.consumed());
  if (input_.empty()) input_ = Slice{};
  x.set_upgrade(reader.upgrade());
  if (x.record().tls) x.request().scheme = "https";

  if (reader.framing().kind == http::Framing::Kind::length && spec.max_body &&
      reader.framing().length > spec.max_body) {
    x.set_unfit({Errc::body_too_large, Origin::client, Retry::never, "Content-Length is above max_body"});
    responder.close_after();
  } else if (reader.framing().kind != http::Framing::Kind::none) {
    upstream::H1BodyPolicy policy{.sender = Origin::client,
                                  .idle = spec.timeouts.body_idle,
                                  .max_bytes = spec.max_body,
                                  .min_rate = spec.timeouts.min_rate,
                                  .reserved = pin.snapshot().names_not_in_trailers()};
    body.emplace(*stream_, input_, reader.framing(), arena, policy, responder.interims(),
                 reader.expects_continue());
    x.set_body(&*body);
    responder.attach(*body);
  }
  if (last_) responder.close_after();
  bool served = co_await net::UntilClosed(*stream_, !spec.half_close, serve(x));
  if (!served) {
    x.note_failure({Errc::client_closed, Origin::client, Retry::never, "the client closed the connection"});
    co_return Then::close;
  }
  if (auto service = responder.take_tunnel()) {
    tunnel_ = std::make_unique<Tunnel>(worker_, *stream_, std::exchange(input_, Slice{}), std::move(service),
                                       x.keep_record());
    co_return Then::tunnel;
  }
  bool read_all = !body || body->finished();
  if (!read_all && responder.keeps_connection()) read_all = co_await body->drain();
  if (responder.keeps_connection() && read_all) co_return Then::next;
  co_return responder.answered() ? Then::linger : Then::close;
}

// The answer to what could not be read as a request.
net::Task<void> H1Connection::refuse_request(Exchange& x, Error error) {
  if (error.code == Errc::client_closed) {
    x.note_failure(error);
    co_return;
  }
  x.note_request();
  Reply reply = co_await x.refuse({.error = error});
  (void)co_await x.responder().send(reply);
}

// The rest of a connection that has become a tunnel. Nothing of its exchange is left: no arena, no snapshot.
net::Task<void> H1Connection::relay() {
  if (!co_await net::UntilClosed(*stream_, false, tunnel_->run())) tunnel_->client_gone();
  tunnel_.reset();
}

// Closes so that the client can read the answer: a close with bytes that are unread, or still on their way,
// would reset the connection under it (RFC 9112 section 9.6).
net::Task<void> H1Connection::linger() {
  stream_->shutdown_send();
  input_ = Slice{};
  Time deadline = after(worker_.loop().now(), kLingerTime);
  for (std::size_t seen = 0; seen < kLingerBytes;) {
    auto bytes = co_await stream_->recv(BlockPool::kSmall, deadline);
    if (!bytes || bytes->empty()) break;
    seen += bytes->size();
  }
}

}  // namespace gatehouse::gateway
