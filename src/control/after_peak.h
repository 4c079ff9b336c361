// When the memory that many connections have left behind is worth giving back.
#pragma once

#include <algorithm>
#include <cstdint>

namespace gatehouse::control {

// An allocator keeps what was freed for the next one who asks. Of a crowd that has left that is tens of
// megabytes, and to hand them over costs a walk through the heap: so it is done each time that half of those
// who were there are gone, and never for the coming and going of a few.
class AfterPeak {
 public:
  static constexpr std::uint64_t kMany = 250;  // some megabytes with TLS

  // `connections`: open now. True if it is time.
  bool look(std::uint64_t connections) noexcept {
    peak_ = std::max(peak_, connections);
    if (peak_ < kMany || connections > peak_ / 2) return false;
    peak_ = connections;
    return true;
  }

 private:
  std::uint64_t peak_ = 0;  // since it was time last
};

}  // namespace gatehouse::control
