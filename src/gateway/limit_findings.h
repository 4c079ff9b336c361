// What limits say of a request that nobody sends, for `explain`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "gateway/condition.h"
#include "gateway/identity.h"

namespace gatehouse::gateway {

// A limit that the request meets.
struct LimitFinding {
  // Of the key, at the moment.
  struct Level {
    std::uint64_t burst = 0;
    std::uint64_t remaining = 0;
    Duration wait{};  // until it is let through; 0 = now
  };
  std::string name;
  std::string rate;     // as written: `20/h burst 5`
  std::string per;      // `user`; empty: one count of everything
  std::string counted;  // whose count it is, as the log shows it; `its value` of a header without a `now`
  bool dry_run = false;
  std::optional<Level> level{};
};

// A filter that limits puts one into its snapshot (FilterStore::find). Immutable; any thread.
class LimitInspector {
 public:
  virtual ~LimitInspector() = default;
  // `identity`: null = nobody's. `route`: its position in `spec`; nullopt = the gateway refuses it before its
  // limits are asked. Of a route with several services the limits of each. `now`: nullopt = what has been
  // used up is not known here.
  virtual std::vector<LimitFinding> inspect(const RouteQuery& query, const Identity* identity,
                                            const config::Spec& spec, std::optional<std::uint32_t> route,
                                            std::optional<Time> now) const = 0;
};

}  // namespace gatehouse::gateway
