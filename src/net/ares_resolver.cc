#include "net/ares_resolver.h"

#include <ares.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>

namespace gatehouse::net {
namespace {

std::string_view reason_of(int status) noexcept {
  switch (status) {
    case ARES_ENOTFOUND: return "no such name";
    case ARES_ENODATA: return "the name has no address";
    case ARES_ETIMEOUT: return "the name servers did not answer in time";
    // c-ares says "refused" for a failure of the servers too, once it has asked them all in vain.
    case ARES_ECONNREFUSED: return "the name servers failed or cannot be reached";
    case ARES_ESERVFAIL: return "the name server failed";
    case ARES_EREFUSED: return "the name server refused to answer";
    case ARES_EBADRESP: return "the name server's answer is malformed";
    case ARES_EBADNAME:
    case ARES_EFORMERR: return "not a valid name";
    case ARES_EDESTRUCTION:
    case ARES_ECANCELLED: return "the resolver was stopped";
    default: return "the look-up failed";
  }
}

std::unexpected<Error> not_resolved(std::string_view reason) {
  return fail(Errc::name_not_resolved, reason, Origin::upstream, Retry::safe);
}

Result<Resolution> to_resolution(int status, const ares_addrinfo* info) {
  if (status != ARES_SUCCESS) return not_resolved(reason_of(status));
  Resolution r;
  std::int64_t ttl = kMaxTtl / 1s;
  for (const ares_addrinfo_node* n = info->nodes; n; n = n->ai_next) {
    if (n->ai_family == AF_INET) {
      sockaddr_in v4;
      std::memcpy(&v4, n->ai_addr, sizeof v4);
      r.addresses.push_back(IpAddress::v4(ntohl(v4.sin_addr.s_addr)));
    } else if (n->ai_family == AF_INET6) {
      sockaddr_in6 v6;
      std::memcpy(&v6, n->ai_addr, sizeof v6);
      IpAddress& ip = r.addresses.emplace_back();
      std::memcpy(ip.bytes.data(), &v6.sin6_addr, 16);
    }
    ttl = std::min<std::int64_t>(ttl, n->ai_ttl);
  }
  for (const ares_addrinfo_cname* c = info->cnames; c; c = c->next) ttl = std::min<std::int64_t>(ttl, c->ttl);
  if (r.addresses.empty()) return not_resolved(reason_of(ARES_ENODATA));
  std::ranges::sort(r.addresses);
  r.addresses.erase(std::ranges::unique(r.addresses).begin(), r.addresses.end());
  r.ttl = std::clamp(Duration(1s) * ttl, kMinTtl, kMaxTtl);
  return r;
}

}  // namespace

// One look-up: c-ares holds a pointer to it until it calls back, its waiter until it has taken the result.
struct Query {
  std::size_t* in_flight = nullptr;
  Loop* loop = nullptr;
  Ready* waiter = nullptr;  // none: cancelled, or not suspended yet
  bool abandoned = false;
  bool done = false;
  Result<Resolution> result{Resolution{}};

  static void answered(void* argument, int status, int /*timeouts*/, ares_addrinfo* info) noexcept {
    auto* q = static_cast<Query*>(argument);
    --*q->in_flight;
    q->done = true;
    if (q->abandoned) {
      delete q;
    } else {
      q->result = to_resolution(status, info);
      if (q->waiter) q->loop->make_ready(*q->waiter);
    }
    if (info) ares_freeaddrinfo(info);
  }
};

// c-ares with its sockets and its clock on our loop.
class AresResolver::Channel {
 public:
  Channel(Loop& loop, EpollPoller& poller, const AresOptions& options);
  Channel(const Channel&) = delete;
  ~Channel();

  Query* start(const std::string& name);
  std::size_t in_flight() const noexcept { return in_flight_; }

 private:
  struct Socket final : EpollHandler {
    Socket(Channel& c, ares_socket_t f) noexcept : channel(c), fd(f) {}
    // The call may end the socket, and with it this object.
    void on_events(std::uint32_t) noexcept override { channel.on_socket(fd); }
    Channel& channel;
    ares_socket_t fd;
    short interest = 0;  // POLLIN | POLLOUT
    EpollPoller::Ticket ticket = 0;
  };

  static void socket_state(void* self, ares_socket_t fd, int readable, int writable) noexcept;
  static void timer_fired(void* self) noexcept;
  void on_socket(ares_socket_t fd) noexcept;
  void drain(ares_socket_t fd) noexcept;
  void arm() noexcept;

  Loop& loop_;
  EpollPoller& poller_;
  ares_channel ares_ = nullptr;
  Timer timer_{&timer_fired, this};
  std::map<ares_socket_t, Socket> sockets_;
  std::size_t in_flight_ = 0;
  bool asked_to_write_ = false;
};

AresResolver::Channel::Channel(Loop& loop, EpollPoller& poller, const AresOptions& options)
    : loop_(loop), poller_(poller) {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);  // once a process
  if (library != ARES_SUCCESS) std::abort();
  ares_options o{};
  char files_first[] = "fb";
  char dns_only[] = "b";
  o.flags = options.search ? 0 : ARES_FLAG_NOSEARCH;
  o.timeout = static_cast<int>(options.timeout / 1ms);
  o.tries = options.tries;
  o.lookups = options.hosts_file ? files_first : dns_only;
  o.sock_state_cb = [](void* p, ares_socket_t fd, int r, int w) { socket_state(p, fd, r, w); };
  o.sock_state_cb_data = this;
  int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
  if (ares_init_options(&ares_, &o, mask) != ARES_SUCCESS) std::abort();  // only out of memory
  if (!options.servers.empty()) ares_set_servers_ports_csv(ares_, options.servers.c_str());
}

AresResolver::Channel::~Channel() { ares_destroy(ares_); }

Query* AresResolver::Channel::start(const std::string& name) {
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NOSORT;  // sorting would open a socket per address
  auto* q = new Query{.in_flight = &in_flight_, .loop = &loop_};
  ++in_flight_;
  ares_getaddrinfo(ares_, name.c_str(), nullptr, &hints, &Query::answered, q);  // may answer at once
  arm();
  return q;
}

void AresResolver::Channel::socket_state(void* self, ares_socket_t fd, int readable, int writable) noexcept {
  auto& channel = *static_cast<Channel*>(self);
  auto found = channel.sockets_.find(fd);
  if (!readable && !writable) {
    if (found == channel.sockets_.end()) return;
    channel.poller_.remove(found->second.ticket);
    channel.sockets_.erase(found);
    return;
  }
  bool fresh = found == channel.sockets_.end();
  if (fresh) found = channel.sockets_.try_emplace(fd, channel, fd).first;
  Socket& s = found->second;
  s.interest = static_cast<short>((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
  // Without a ticket (out of resources) the socket is looked at whenever the timer fires.
  if (fresh) s.ticket = channel.poller_.add(fd, EPOLLIN | EPOLLOUT, s);
  // c-ares thinks in levels, epoll tells edges: a socket that is writable already will not say so again.
  if (!fresh && writable) channel.asked_to_write_ = true;
}

// Lets c-ares work until the socket would block. c-ares may close it at any step.
void AresResolver::Channel::drain(ares_socket_t fd) noexcept {
  constexpr int kMostSteps = 1000;  // should c-ares ever leave what poll reports, the timer goes on with it
  for (int i = 0; i < kMostSteps; ++i) {
    auto found = sockets_.find(fd);
    if (found == sockets_.end()) return;
    pollfd p{fd, found->second.interest, 0};
    if (::poll(&p, 1, 0) <= 0) return;
    bool read = (p.revents & (POLLIN | POLLHUP | POLLERR)) != 0;
    ares_process_fd(ares_, read ? fd : ARES_SOCKET_BAD, p.revents & POLLOUT ? fd : ARES_SOCKET_BAD);
  }
}

void AresResolver::Channel::on_socket(ares_socket_t fd) noexcept {
  drain(fd);
  arm();
}

void AresResolver::Channel::timer_fired(void* self) noexcept {
  auto& channel = *static_cast<Channel*>(self);
  channel.asked_to_write_ = false;
  std::vector<ares_socket_t> all;
  for (const auto& [fd, socket] : channel.sockets_) all.push_back(fd);
  for (ares_socket_t fd : all) channel.drain(fd);
  ares_process_fd(channel.ares_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // time-outs
  channel.arm();
}

void AresResolver::Channel::arm() noexcept {
  if (asked_to_write_) return loop_.set_timer(timer_, loop_.now());
  timeval left{};
  if (!ares_timeout(ares_, nullptr, &left)) return timer_.cancel();
  loop_.set_timer(timer_, after(loop_.now(), Duration(1s) * left.tv_sec + Duration(1us) * left.tv_usec));
}

// Waits for one answer. Destroyed early, it leaves the query to c-ares.
class AresResolver::Lookup : public Ready {
 public:
  Lookup(Channel& channel, const std::string& name) : query_(channel.start(name)) {}
  Lookup(const Lookup&) = delete;
  ~Lookup() {
    if (query_->done) {
      delete query_;
    } else {
      query_->abandoned = true;
    }
  }
  bool await_ready() const noexcept { return query_->done; }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    handle = h;
    query_->waiter = this;
  }
  Result<Resolution> await_resume() noexcept { return std::move(query_->result); }

 private:
  Query* query_;
};

AresResolver::AresResolver(Loop& loop, EpollPoller& poller, const AresOptions& options)
    : channel_(std::make_unique<Channel>(loop, poller, options)) {}
AresResolver::~AresResolver() = default;
std::size_t AresResolver::in_flight() const noexcept { return channel_->in_flight(); }

Task<Result<Resolution>> AresResolver::resolve(std::string name) {
  if (auto ip = parse_ip(name)) co_return Resolution{{*ip}, kMaxTtl};
  co_return co_await Lookup(*channel_, name);
}

}  // namespace gatehouse::net
