// Names by c-ares: /etc/hosts and DNS (A and AAAA), on the loop's own epoll and timers.
#pragma once

#include <memory>
#include <string>

#include "net/epoll.h"
#include "net/resolver.h"

namespace gatehouse::net {

struct AresOptions {
  std::string servers{};  // "192.0.2.53,[2001:db8::53]:5353" in place of those of /etc/resolv.conf
  Duration timeout = 2s;  // of the first try; c-ares doubles it with each further one
  int tries = 2;          // per name server
  bool search = true;     // the search domains of /etc/resolv.conf
  bool hosts_file = true;
};

inline constexpr Duration kMinTtl = 1s;
inline constexpr Duration kMaxTtl = 1h;

// One loop, which it must not outlive. c-ares' callbacks only record: a look-up goes on through the loop's
// ready list.
class AresResolver final : public Resolver {
 public:
  AresResolver(Loop& loop, EpollPoller& poller, const AresOptions& options = {});
  ~AresResolver() override;  // whoever still waits gets name_not_resolved

  Task<Result<Resolution>> resolve(std::string name) override;
  std::size_t in_flight() const noexcept;  // look-ups that c-ares works on, those without a waiter included

 private:
  class Channel;
  class Lookup;
  std::unique_ptr<Channel> channel_;
};

}  // namespace gatehouse::net
