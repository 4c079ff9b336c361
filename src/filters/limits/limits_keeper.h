// Keeps what is owed over a restart: written in the background, read before the first configuration is in
// force. A crash forgets what was charged since the last time, 5 s at most.
#pragma once

#include <cstdint>
#include <memory>

#include "filters/limits/limit_policy.h"
#include "gateway/background.h"

namespace gatehouse::filters {

// Thread: control's loop.
class LimitsKeeper {
 public:
  static constexpr Duration kEvery = 5s;
  static constexpr const char* kFile = "limits";

  // `context` outlives it.
  explicit LimitsKeeper(const gateway::BackgroundContext& context) : context_(context) {}

  // Reads the file, if it was not read yet, into the table, its secret, and the limits: before any request is
  // counted.
  net::Task<void> recall(std::shared_ptr<const LimitPolicy> policy);

  // That is in force. Then it is kept anew.
  void set_policy(std::shared_ptr<const LimitPolicy> policy);
  // Somebody's debt was changed by hand.
  void touch() noexcept { ++touched_; }
  // What has changed since the last time, at once; when the process ends.
  net::Task<void> finish();

 private:
  net::Task<void> run();
  net::Task<void> save();
  std::uint64_t changes() const noexcept;

  const gateway::BackgroundContext& context_;
  std::shared_ptr<const LimitPolicy> policy_;
  bool recalled_ = false;
  std::uint64_t touched_ = 0;
  std::uint64_t saved_changes_ = 0;
  std::uint64_t tried_changes_ = 0;  // as many, at the last attempt: one that failed waits for more
  bool said_too_large_ = false;
  bool saving_ = false;
  bool finishing_ = false;
  net::Task<void> running_;
};

}  // namespace gatehouse::filters
