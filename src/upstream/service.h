// A service as a snapshot holds it: immutable policy, and references to the state that survives reloads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/spec.h"
#include "net/tls_context.h"
#include "upstream/shared_endpoint_set.h"
#include "upstream/shared_service.h"

namespace gatehouse::upstream {

// The endpoints of one version, in the registry. `index` is dense and never used again, so that loops find
// what they keep about it by position.
struct SharedVersion {
  explicit SharedVersion(std::uint32_t i) noexcept : index(i) {}
  const std::uint32_t index;
  EndpointSlot slot;
};

struct ServiceVersion {
  std::string name;  // empty where the service has no versions
  std::shared_ptr<SharedVersion> shared;
  std::shared_ptr<const net::TlsClientContext> tls{};  // of its https URLs
  std::string server_name{};                           // instead of the URL's host; empty = that
};

// Policy of calls; what a route overrides is copied.
struct CallPolicy {
  Duration timeout{10s};
  Duration connect_timeout{500ms};
  Duration deadline = Duration::max();
  Duration idle{60s};
  Duration body_idle{5min};
  Duration stream_idle{1h};
  config::RetrySpec retry;
  std::uint64_t max_in_flight = 0;  // 0 = no limit
};

struct Service {
  std::string name;
  std::vector<ServiceVersion> versions;  // the first is the stable one; never empty
  CallPolicy policy;
  config::Balance balance = config::Balance::p2c;
  std::shared_ptr<SharedService> shared;
  std::shared_ptr<const void> tls_state{};  // held as long as it is used
};

}  // namespace gatehouse::upstream
