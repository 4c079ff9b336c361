// The endpoints of one version of a service, published by control and read by every loop.
//
// Memory order: `publish` writes the set under the lock and then the version (release); a loop compares the
// version (acquire) with what it has and takes the lock only when it changed. In steady state that is one
// load a request.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "upstream/shared_endpoint.h"

namespace gatehouse::upstream {

struct EndpointSet {
  enum class State : std::uint8_t { resolving, ready, failed };
  State state = State::resolving;
  std::string_view reason;  // static text, State::failed
  std::vector<std::shared_ptr<Endpoint>> endpoints;
};

class EndpointSlot {
 public:
  // Latest value wins; nothing queues up.
  void publish(std::shared_ptr<const EndpointSet> set) {
    std::vector<std::function<void()>> wake;
    {
      std::lock_guard lock(mutex_);
      set_ = std::move(set);
      wake.swap(waiting_);
      version_.fetch_add(1, std::memory_order_release);
    }
    for (auto& w : wake) w();
  }
  std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }
  std::shared_ptr<const EndpointSet> load() const {
    std::lock_guard lock(mutex_);
    return set_;
  }
  // Calls `wake` (any thread) at the next publication; at once if `seen` is no longer the version.
  void on_publish(std::uint64_t seen, std::function<void()> wake) {
    {
      std::lock_guard lock(mutex_);
      if (version_.load(std::memory_order_relaxed) == seen) {
        waiting_.push_back(std::move(wake));
        return;
      }
    }
    wake();
  }
  std::size_t waiting() const {
    std::lock_guard lock(mutex_);
    return waiting_.size();
  }

 private:
  std::atomic<std::uint64_t> version_ = 1;
  mutable std::mutex mutex_;
  std::shared_ptr<const EndpointSet> set_ = std::make_shared<EndpointSet>();
  std::vector<std::function<void()>> waiting_;
};

}  // namespace gatehouse::upstream
