// A connection to a service that has switched protocols: nothing but bytes from now on, in both directions.
#pragma once

#include <memory>

#include "upstream/client.h"

namespace gatehouse::upstream {

// It outlives its exchange and the snapshot: what it needs of the service it holds itself. Destroying it
// closes the connection and returns its permit. Thread: the loop of its client, which outlives it.
struct Tunnel {
  Tunnel(Lease l, std::shared_ptr<SharedService> s, Slice in, Duration i) noexcept
      : service(std::move(s)), lease(std::move(l)), input(std::move(in)), idle(i) {}
  net::Stream& stream() const noexcept { return *lease.connection().stream; }

  std::shared_ptr<SharedService> service;  // the permit of the lease is counted there
  Lease lease;
  Slice input;    // what the service said behind its 101
  Duration idle;  // it ends when nothing has moved in either direction for this long
};

}  // namespace gatehouse::upstream
