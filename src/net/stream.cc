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

Slice joined(BlockPool& blocks, Slice a, const Slice& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  std::size_t size = a.size() + b.size();
  if (a.block().unique()) {
    char* end = a.block()->data() + a.block()->capacity();
    char* tail = a.block()->data() + (a.data() - a.block()->data()) + a.size();
    if (static_cast<std::size_t>(end - tail) >= b.size()) {
      std::memcpy(tail, b.data(), b.size());
      return {a.block(), a.data(), size};
    }
  }
  BlockRef block = blocks.get(2 * size);  // doubling keeps the copying linear
  char* data = block->data();
  std::memcpy(data, a.data(), a.size());
  std::memcpy(data + a.size(), b.data(), b.size());
  return {std::move(block), data, size};
}

}  // namespace gatehouse::net
