// Names from a table, for tests and the simulation.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "net/resolver.h"

namespace gatehouse::net {

// One loop. The table may be changed between look-ups; IP literals resolve to themselves.
class FakeResolver final : public Resolver {
 public:
  explicit FakeResolver(Loop& loop) noexcept : loop_(loop) {}

  void set(const std::string& name, std::vector<IpAddress> addresses, Duration ttl = 60s) {
    table_[name] = Resolution{std::move(addresses), ttl};
  }
  void fail_with(const std::string& name, std::string_view reason) {  // static text
    table_[name] = std::unexpected(Error{Errc::name_not_resolved, Origin::gateway, Retry::safe, reason});
  }
  void forget(const std::string& name) { table_.erase(name); }
  void set_delay(Duration d) noexcept { delay_ = d; }
  std::size_t lookups() const noexcept { return lookups_; }

  Task<Result<Resolution>> resolve(std::string name) override {
    ++lookups_;
    if (auto ip = parse_ip(name)) co_return Resolution{{*ip}, 1h};
    if (delay_ > Duration::zero()) co_await sleep_for(loop_, delay_);
    auto found = table_.find(name);
    if (found == table_.end())
      co_return fail(Errc::name_not_resolved, "no such name", Origin::gateway, Retry::safe);
    co_return found->second;
  }

 private:
  Loop& loop_;
  Duration delay_{};
  std::size_t lookups_ = 0;
  std::map<std::string, Result<Resolution>> table_;
};

}  // namespace gatehouse::net
