#include "gateway/tls_handshakes.h"

#include "net/tls_stream.h"

namespace gatehouse::gateway {
namespace {

constexpr std::size_t kLingerBytes = 256 * 1024;
constexpr Duration kPatience = 2s;  // for the answer to a client that speaks the wrong protocol
constexpr std::string_view kClearText =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 58\r\nConnection: close\r\n\r\n"
    "This port speaks HTTPS. Write https:// instead of http://\n";

// In words for whoever runs the gateway.
Error explained(Error error, bool begins_with_a_word) noexcept {
  switch (error.code) {
    case Errc::io_timeout: error.detail = "it was not over within timeouts.handshake"; break;
    case Errc::io_closed:
    case Errc::io_reset: error.detail = "the client closed the connection"; break;
    case Errc::tls_not_tls:
      error.detail = begins_with_a_word ? "plain HTTP on a TLS port" : "the client does not speak TLS";
      break;
    default: break;
  }
  return error;
}
constexpr Error kGaveWay{Errc::saturated, Origin::gateway, Retry::never,
                         "it gave way: more handshakes were under way than tls.handshakes allows"};

}  // namespace

class TlsHandshakes::Handshake final : public net::Doomed {
 public:
  Handshake(TlsHandshakes& all, const CompiledListener& listener, ConnectionPermit permit,
            net::StreamPtr stream)
      : all_(all),
        listener_(listener.spec.name),
        context_(listener.tls),
        limit_(listener.spec.tls->handshakes),
        deadline_(after(all.worker_.loop().now(), listener.spec.timeouts.handshake)),
        client_(stream->peer().ip),
        permit_(std::move(permit)),
        stream_(std::move(stream)) {}

  void start() { running_ = run(); }
  void cancel() noexcept {
    running_.cancel();
    if (open_) all_.worker_.stats().tls_failed.add();
    end();
  }

 private:
  net::Task<void> run() {
    auto first = co_await stream_->recv(BlockPool::kSmall, deadline_);
    if (!first || first->empty()) co_return end();
    enter();
    const char begin = *first->data();
    auto secure =
        std::make_unique<net::TlsStream>(std::move(stream_), std::move(context_), std::move(*first));
    auto done = co_await secure->handshake(deadline_, &all_.turns_);
    open_ = false;
    WorkerStats& stats = all_.worker_.stats();
    (done ? secure->resumed() ? stats.tls_resumed : stats.tls_full : stats.tls_failed).add();
    if (done) {
      all_.worker_.adopt(
          std::make_unique<H1Connection>(all_.worker_, listener_, std::move(permit_), std::move(secure)));
      co_return end();
    }
    note(explained(done.error(), begin >= 'A' && begin <= 'Z'));
    if (done.error().code == Errc::tls_not_tls) {
      (void)co_await secure->inner().send(Slice::unowned(kClearText), kPatience);
      secure->inner().shutdown_send();
      // What it may still be sending is read, or the answer would be lost to a reset.
      Time patience = after(all_.worker_.loop().now(), kPatience);
      for (std::size_t seen = 0; seen < kLingerBytes;) {
        auto more = co_await secure->inner().recv(BlockPool::kSmall, patience);
        if (!more || more->empty()) break;
        seen += more->size();
      }
    }
    end();
  }

  void enter() noexcept {
    unlink();
    all_.under_way_.push_back(*this);
    open_ = true;
    std::uint32_t n = 0;
    Handshake* oldest = nullptr;
    all_.under_way_.for_each([&](Handshake& h) {
      if (h.listener_ != listener_) return;
      if (n++ == 0) oldest = &h;
    });
    if (n <= limit_) return;
    if (oldest->open_) oldest->note(kGaveWay);
    oldest->cancel();
  }

  void note(const Error& error) { all_.failures_.note(listener_, client_, error); }

  void end() noexcept {
    unlink();
    all_.worker_.loop().destroy_later(this);
  }

  TlsHandshakes& all_;
  std::string listener_;
  std::shared_ptr<const net::TlsServerContext> context_;
  std::uint32_t limit_;
  Time deadline_;
  IpAddress client_;
  ConnectionPermit permit_;
  net::StreamPtr stream_;
  bool open_ = false;        // begun, and neither done nor failed
  net::Task<void> running_;  // last: it uses the others
};

TlsHandshakes::TlsHandshakes(Worker& worker, TlsFailures::Tell tell)
    : worker_(worker), turns_(worker.loop()), failures_(worker.loop(), std::move(tell)) {}

TlsHandshakes::~TlsHandshakes() {
  while (Handshake* h = waiting_.pop_front()) delete h;
  while (Handshake* h = under_way_.pop_front()) delete h;
}

void TlsHandshakes::begin(const CompiledListener& listener, ConnectionPermit permit, net::StreamPtr stream) {
  auto* h = new Handshake(*this, listener, std::move(permit), std::move(stream));
  waiting_.push_back(*h);
  h->start();
}

void TlsHandshakes::cancel_all() noexcept {
  while (Handshake* h = waiting_.front()) h->cancel();
  while (Handshake* h = under_way_.front()) h->cancel();
}

std::size_t TlsHandshakes::in_progress() const noexcept {
  std::size_t n = 0;
  for (const List<Handshake>* all : {&waiting_, &under_way_}) all->for_each([&n](const Handshake&) { ++n; });
  return n;
}

bool TlsHandshakes::close_some_waiting() {
  Handshake* h = waiting_.front();
  if (h) h->cancel();
  return h != nullptr;
}

}  // namespace gatehouse::gateway
