// A place for what each worker keeps of its own about one thing of the registry: a cache, waiters, copies of
// what is shared.
//
// Owner: the registry, under the stable identity of that thing, and the filters that use it. A worker makes
// its part at first use (Worker::local) and forgets it when nobody holds the place any more.
#pragma once

#include <cstdint>

namespace gatehouse::gateway {

class LocalPlace {
 public:
  explicit LocalPlace(std::uint32_t index) noexcept : index_(index) {}
  LocalPlace(const LocalPlace&) = delete;
  std::uint32_t index() const noexcept { return index_; }  // of StateRegistry::next_index

 private:
  const std::uint32_t index_;
};

}  // namespace gatehouse::gateway
