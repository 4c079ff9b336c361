// Bugs on purpose: that the simulation would find them is shown by planting them, one at a time.
//
// They stand around the gateway, not in it: faulty streams, filters, body sources, settings and publications.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/snapshot.h"
#include "gateway/worker.h"
#include "net/network.h"

namespace gatehouse::sim {

enum class Bug : std::uint8_t {
  none,
  lost_lease,
  post_twice,
  lost_wake,
  dropped_byte,
  duplicated_byte,
  missed_reload,
  leaked_pin,
  unarmed_timeout,
  wrong_answer,
  endless_drain,
  open_door,
  forgotten_edit,
  lopsided_split,
  no_max_body,
  no_min_rate,
  wide_service,
  narrow_service,
  wide_door,
  narrow_door,
  endless_handshake,
  torn_record,
  old_certificate,
  credulous,
  ignored_check,
  no_return,
  lost_first_word,
  last_,
};
std::string_view name_of(Bug bug) noexcept;
std::optional<Bug> bug_named(std::string_view name) noexcept;

// One a run. What a bug leaks is kept here, so that the run can end in order after it was found.
class Planted {
 public:
  explicit Planted(Bug bug) noexcept : bug_(bug) {}
  Planted(const Planted&) = delete;

  Bug bug() const noexcept { return bug_; }
  bool is(Bug bug) const noexcept { return bug_ == bug; }
  // The network of a worker: `real`, or something around it.
  std::unique_ptr<net::Network> around(net::Network& real);
  void add_filters(std::vector<std::unique_ptr<gateway::FilterKind>>& filters);
  void release() noexcept;

  // True once in `n` calls.
  bool strikes(unsigned n) noexcept { return ++calls_ % n == 0; }

  std::vector<upstream::Lease> leases;
  std::vector<gateway::SnapshotPin> pins;
  std::string last_id;  // of an answer

 private:
  Bug bug_;
  unsigned calls_ = 0;
};

}  // namespace gatehouse::sim
