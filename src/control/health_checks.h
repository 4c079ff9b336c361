// Active checks of endpoints (`health`): once a process, on control, through the same calls that requests
// use.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/endpoint_directory.h"
#include "upstream/call.h"
#include "upstream/client.h"

namespace gatehouse::control {

// What is known of one endpoint that is checked.
struct CheckStatus {
  bool up = true;
  unsigned streak = 0;  // results in a row that say the opposite
  std::uint64_t checks = 0;
  std::uint64_t failures = 0;
  std::string_view failure;  // of the last check; empty = it was good
};

// A check is good if the whole answer (or as much of it as is read at all) comes before the next check is
// due, with a status 2xx or 3xx.
//
// Owner: control. Thread: its loop. An endpoint is up until `fall` checks in a row have failed, then down
// until `rise` have succeeded; what the endpoint is reaches the workers by one atomic word
// (shared_endpoint.h).
class HealthChecks {
 public:
  HealthChecks(upstream::Client& client, const EndpointDirectory& endpoints);
  HealthChecks(const HealthChecks&) = delete;
  ~HealthChecks();

  // After the directory's endpoints have changed: begins and ends checks. What stays goes on undisturbed.
  void refresh();
  const CheckStatus* status(const upstream::Endpoint& endpoint) const noexcept;  // nullptr: it is not checked

  // An endpoint went up or down; for the log.
  std::function<void(const std::string& service, const upstream::Endpoint& endpoint,
                     const CheckStatus& status)>
      on_turn;

 private:
  struct Check;
  using Key = std::pair<std::string, const upstream::Endpoint*>;  // service and version, endpoint
  static void configure(Check& c, const config::ServiceSpec& service, const config::VersionSpec& version);
  void begin(Check& c, const std::string& name, std::shared_ptr<upstream::Endpoint> endpoint);
  void end(Check& c);
  net::Task<void> keep_checking(Check& c);
  net::Task<Result<void>> check_once(Check& c);
  void take(Check& c, const Result<void>& result);
  std::shared_ptr<upstream::SharedVersion> private_version();

  upstream::Client& client_;
  const EndpointDirectory& endpoints_;
  std::map<Key, std::unique_ptr<Check>> checks_;
  // The client keeps something for each index for ever, so indexes of ended checks are used again: with the
  // same object, whose slot counts on.
  std::vector<std::shared_ptr<upstream::SharedVersion>> unused_;
  std::uint32_t next_index_ = 0;
};

}  // namespace gatehouse::control
