#include "upstream/call.h"

#include "upstream/h1_exchange.h"
#include "upstream/replay.h"

namespace gatehouse::upstream {
namespace {

std::uint8_t bit(config::RetryOn on) noexcept { return static_cast<std::uint8_t>(on); }

// The kind of failure, as the configuration's `retry.on` names it; 0 = none of them.
std::uint8_t retry_class(Errc code) noexcept {
  switch (code) {
    case Errc::connect_refused:
    case Errc::connect_timeout: return bit(config::RetryOn::connect);
    case Errc::upstream_reset:
    case Errc::upstream_closed: return bit(config::RetryOn::reset);
    case Errc::upstream_timeout: return bit(config::RetryOn::timeout);
    default: return 0;
  }
}

std::uint8_t retry_class(std::uint16_t status) noexcept {
  switch (status) {
    case 502: return bit(config::RetryOn::status_502);
    case 503: return bit(config::RetryOn::status_503);
    case 504: return bit(config::RetryOn::status_504);
    default: return 0;
  }
}

// Decides what may be tried again; one for each call.
class Attempts {
 public:
  Attempts(Client& client, Call& call)
      : client_(client),
        call_(call),
        safe_(http::is_safe(call.head.method)),
        deadline_(after(client.loop().now(), call.policy.deadline)) {
    if (call.body) {
      replay_ = make_in<ReplayBody>(call.arena, *call.body, client.loop().blocks(), !safe_);
      call.body = replay_.get();
    }
    options_.probe = !safe_;
    options_.deadline = deadline_;
  }

  const AcquireOptions& options() const noexcept { return options_; }
  Time deadline() const noexcept { return deadline_; }

  // A pooled connection that died before any byte of the answer: once more on a fresh one, outside tries and
  // budget.
  bool again_on_fresh(const Error& e, bool sent, const Endpoint* endpoint) {
    if (e.retry != Retry::if_reused || options_.fresh || !replayable(sent)) return false;
    options_.fresh = true;
    options_.avoid = endpoint;
    return true;
  }
  bool again(std::uint8_t kind, bool sent, const Endpoint* endpoint) {
    const auto& retry = call_.policy.retry;
    if (!(retry.on & kind) || tries_ >= retry.tries || client_.loop().now() >= deadline_) return false;
    if (!replayable(sent) || !client_.take_retry(call_.version, call_.service.shared->budget, retry.budget))
      return false;
    ++tries_;
    options_.fresh = false;
    options_.avoid = endpoint;
    return true;
  }
  BodyPtr take_body() noexcept {
    if (replay_) replay_->stop();  // the answer is given on: nothing is tried again
    return std::move(replay_);
  }

 private:
  bool replayable(bool sent) { return (safe_ || !sent) && (!replay_ || replay_->rewind()); }
  Client& client_;
  Call& call_;
  bool safe_;
  Time deadline_;
  unsigned tries_ = 1;
  AcquireOptions options_;
  ArenaPtr<ReplayBody> replay_;
};

// For the log, also if the attempt goes no further than this. Compared by address later, never followed.
const Endpoint* note_endpoint(Call& c, const Result<Lease>& lease) {
  if (!lease || !lease->valid()) return nullptr;
  const Endpoint* endpoint = lease->endpoint().shared.get();
  c.report.endpoint = c.arena.copy(endpoint->name());
  return endpoint;
}

}  // namespace

net::Task<Result<Response>> call(Client& client, Call c) {
  c.report.began = client.loop().now();
  client.count_request(c.version, c.service.shared->budget);
  Attempts attempts(client, c);
  for (;;) {
    ++c.report.tries;
    Result<Lease> lease{Lease()};
    bool acquired = client.try_acquire(c.service, c.version, attempts.options(), lease);
    const Endpoint* endpoint = note_endpoint(c, lease);
    if (!acquired) {
      lease = co_await client.acquire_later(c.service, c.version, attempts.options(), std::move(*lease));
      if (lease) endpoint = note_endpoint(c, lease);
    }
    if (!lease) {
      if (attempts.again(retry_class(lease.error().code), false, endpoint)) continue;
      co_return std::unexpected(lease.error());
    }
    c.report.reused = lease->connection().reused;
    auto exchange = make_in<H1Exchange>(c.arena, client, std::move(*lease), c);
    auto head = co_await exchange->run(attempts.deadline());
    bool sent = exchange->sent_anything();
    if (!head) {
      exchange.reset();
      if (attempts.again_on_fresh(head.error(), sent, endpoint)) continue;
      if (attempts.again(retry_class(head.error().code), sent, endpoint)) continue;
      co_return std::unexpected(head.error());
    }
    if (attempts.again(retry_class((*head)->status), true, endpoint)) continue;
    exchange->keep_request_body(attempts.take_body());
    co_return Response{*head, BodyPtr(exchange.release())};
  }
}

}  // namespace gatehouse::upstream
