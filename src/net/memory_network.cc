#include "net/memory_network.h"

#include <algorithm>
#include <utility>

#include "net/memory_stream.h"

namespace gatehouse::net {
namespace {

class MemoryAcceptor final : public Acceptor, public MemoryHandler {
 public:
  MemoryAcceptor(MemoryWorld& world, Loop& loop, MemoryPoller& poller,
                 std::unique_ptr<MemoryListener> listener) noexcept
      : world_(world), loop_(loop), poller_(poller), listener_(std::move(listener)) {
    listener_->serve(poller_, *this);
  }

  Result<StreamPtr> try_accept() override {
    if (listener_->empty()) {
      ready_ = false;
      return StreamPtr{};
    }
    if (world_.chance(world_.faults().accept_no_descriptors))
      return fail(Errc::io_no_descriptors, "out of file descriptors");
    return std::make_unique<MemoryStream>(world_, loop_, poller_, listener_->pop(), 1, false);
  }
  bool start_wait(std::coroutine_handle<> waiter) noexcept override {
    if (ready_) return true;
    waiter_ = waiter;
    return false;
  }
  void cancel_wait() noexcept override { waiter_ = nullptr; }

 private:
  void on_events() noexcept override {
    ready_ = true;
    if (waiter_) std::exchange(waiter_, nullptr).resume();
  }

  MemoryWorld& world_;
  Loop& loop_;
  MemoryPoller& poller_;
  std::unique_ptr<MemoryListener> listener_;
  bool ready_ = true;
  std::coroutine_handle<> waiter_;
};

// Waits for a connection under way; false if the time came first.
class Established {
 public:
  Established(MemoryStream& s, Time deadline) noexcept
      : stream_(s), timer_(&expired, this), deadline_(deadline) {}
  Established(const Established&) = delete;
  ~Established() { stream_.wait_connected(nullptr); }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    waiter_ = h;
    stream_.wait_connected(h);
    stream_.loop().set_timer(timer_, deadline_);
  }
  bool await_resume() const noexcept { return !timed_out_; }

 private:
  static void expired(void* self) noexcept {
    auto* e = static_cast<Established*>(self);
    e->timed_out_ = true;
    e->stream_.wait_connected(nullptr);
    e->waiter_.resume();
  }
  MemoryStream& stream_;
  Timer timer_;
  Time deadline_;
  bool timed_out_ = false;
  std::coroutine_handle<> waiter_;
};

}  // namespace

MemoryListener::MemoryListener(MemoryWorld& world, SocketAddress address)
    : world_(world), address_(std::move(address)) {
  world_.listeners_.push_back(this);
}

MemoryListener::~MemoryListener() {
  std::erase(world_.listeners_, this);
  for (auto& c : backlog_) c->refuse(1);
}

void MemoryListener::push(std::shared_ptr<MemoryConnection> connection) {
  backlog_.push_back(std::move(connection));
  if (acceptor_) poller_->announce(*acceptor_);
}

std::shared_ptr<MemoryConnection> MemoryListener::pop() {
  auto c = std::move(backlog_.front());
  backlog_.pop_front();
  return c;
}

void MemoryListener::serve(MemoryPoller& poller, MemoryHandler& acceptor) noexcept {
  poller_ = &poller;
  acceptor_ = &acceptor;
}

bool MemoryListener::listens_for(const SocketAddress& to) const noexcept {
  if (address_ == to) return true;
  if (address_.is_unix() || to.is_unix() || address_.port != to.port) return false;
  bool every = address_.ip == IpAddress{} || address_.ip == IpAddress::v4(0);
  return every && (address_.ip == IpAddress{} || to.ip.is_v4());
}

Result<std::unique_ptr<Acceptor>> MemoryNetwork::accept_on(std::unique_ptr<BoundSocket> socket) {
  auto& bound = static_cast<MemoryBound&>(*socket);
  return std::make_unique<MemoryAcceptor>(world_, loop_, poller_, bound.release());
}

Task<Result<StreamPtr>> MemoryNetwork::connect(SocketAddress to, Time deadline) {
  if (world_.chance(world_.faults().connect_no_descriptors))
    co_return fail(Errc::io_no_descriptors, "out of file descriptors");
  auto from = SocketAddress::of(local_, world_.next_port());
  auto connection = std::make_shared<MemoryConnection>(world_, std::move(from), std::move(to));
  auto stream = std::make_unique<MemoryStream>(world_, loop_, poller_, connection, 0, true);
  connection->connect();
  if (!co_await Established(*stream, deadline))
    co_return fail(Errc::io_timeout, "the connection was not accepted in time");
  if (connection->refused()) co_return fail(Errc::io_refused, "connection refused");
  co_return StreamPtr(std::move(stream));
}

MemoryPoller::MemoryPoller(MemoryWorld& world) : world_(world) { world.pollers_.push_back(this); }
MemoryPoller::~MemoryPoller() { std::erase(world_.pollers_, this); }

void MemoryPoller::poll(Time, Loop& loop) {
  woken_.store(false, std::memory_order_relaxed);
  loop.woken();
  List<MemoryHandler> batch;  // what is announced from here on waits for the next turn
  std::uint32_t count = 0;
  batch.take(pending_);
  batch.for_each([&count](MemoryHandler&) { ++count; });
  bool reorder = world_.faults().reorder_wakes;
  std::uint32_t serve = reorder && count > 1 ? 1 + world_.random().below(count) : count;
  for (; serve > 0 && !batch.empty(); --serve, --count) {
    MemoryHandler* chosen = batch.front();
    for (std::uint32_t skip = reorder && count > 1 ? world_.random().below(count) : 0; skip > 0; --skip) {
      batch.push_back(*batch.pop_front());
      chosen = batch.front();
    }
    chosen->unlink();
    chosen->on_events();
  }
  // Older events stay before newer ones.
  batch.take(pending_);
  pending_.take(batch);
}

bool MemoryPoller::has_something_to_do(Time now) const noexcept {
  if (!loop_ || stopped_) return false;
  return woken_.load(std::memory_order_acquire) || !pending_.empty() || loop_->has_work() ||
         loop_->next_timer() <= now;
}

}  // namespace gatehouse::net
