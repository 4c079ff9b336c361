#include "net/stream.h"

namespace gatehouse::net {

void SliceList::consume(std::size_t n) noexcept {
  assert(n <= bytes_);
  bytes_ -= n;
  std::uint32_t done = 0;
  while (done < count_ && n >= slices_[done].size()) {
    n -= slices_[done].size();
    slices_[done++] = Slice{};
  }
  if (n > 0) slices_[done].remove_prefix(n);
  if (done == 0) return;
  for (std::uint32_t i = done; i < count_; ++i) slices_[i - done] = std::move(slices_[i]);
  count_ -= done;
}

}  // namespace gatehouse::net
