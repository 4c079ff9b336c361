#include "base/arena.h"

#include <algorithm>

namespace gatehouse {

void* Arena::allocate_slow(std::size_t size, std::size_t align) {
  BlockRef block = pool_->get(std::max(BlockPool::kSmall, size + align + sizeof(Chunk)));
  char* start = block->data();
  end_ = start + block->capacity();
  used_ += block->capacity();
  auto* chunk = new (start) Chunk{chunk_, std::move(block)};
  chunk_ = chunk;
  cursor_ = start + sizeof(Chunk);
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
