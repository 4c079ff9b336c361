#include "net/stream.h"

namespace gatehouse::net {

void SliceList::consume(std::size_t n) noexcept {
  assert(n <= bytes_);
  if (n == bytes_) return clear();
  bytes_ -= n;
  std::uint32_t done = 0;
  while (n >= places_[done].slice.size()) n -= places_[done++].slice.size();
  places_[done].slice.remove_prefix(n);
  if (done == 0) return;
  for (std::uint32_t i = done; i < count_; ++i) places_[i - done].slice = std::move(places_[i].slice);
  for (std::uint32_t i = count_ - done; i < count_; ++i) places_[i].slice.~Slice();
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
