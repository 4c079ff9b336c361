// Names to addresses. A parameter: c-ares outside, a fake in tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ip.h"
#include "base/time.h"
#include "net/loop.h"
#include "net/task.h"

namespace gatehouse::net {

struct Resolution {
  std::vector<IpAddress> addresses;  // A and AAAA, sorted, without duplicates; never empty
  Duration ttl{};                    // the smallest of the records
};

class Resolver {
 public:
  virtual ~Resolver() = default;
  // name_not_resolved with the reason in `detail` (no such name, server failed, timed out). Thread: its loop.
  virtual Task<Result<Resolution>> resolve(std::string name) = 0;
};

}  // namespace gatehouse::net
