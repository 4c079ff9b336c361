#include "base/arena.h"

#include <algorithm>

namespace gatehouse {
namespace {

constexpr std::size_t kWorthIt = 1024;  // bytes left in a block

}  // namespace

void Arena::add_chunk(BlockRef block, char* start) noexcept {
  end_ = block->data() + block->capacity();
  used_ += static_cast<std::size_t>(end_ - start);
  chunk_ = new (start) Chunk{chunk_, std::move(block)};
  cursor_ = start + sizeof(Chunk);
}

void Arena::begin_behind(const Slice& first) noexcept {
  const BlockRef& block = first.block();
  if (!block.unique()) return;
  auto taken = static_cast<std::size_t>(first.data() - block->data()) + first.size();
  taken = (taken + alignof(Chunk) - 1) & ~(alignof(Chunk) - 1);  // a block's data are aligned
  if (taken + kWorthIt <= block->capacity()) add_chunk(block, block->data() + taken);
}

void* Arena::allocate_slow(std::size_t size, std::size_t align) {
  BlockRef block = pool_->get(std::max(BlockPool::kSmall, size + align + sizeof(Chunk)));
  char* start = block->data();
  add_chunk(std::move(block), start);
  return allocate(size, align);
}

void Arena::reset() noexcept {
  while (chunk_) {
    Chunk* c = chunk_;
    chunk_ = c->previous;
    BlockRef last = std::move(c->block);  // the chunk lives inside the block that this releases
    c->~Chunk();
  }
  cursor_ = end_ = nullptr;
  used_ = 0;
}

}  // namespace gatehouse
