#include "base/block.h"

#include <cstdlib>
#include <new>

namespace gatehouse {
namespace {

// The header counts towards the size class, so that a block is a whole number of pages for the allocator.
constexpr std::array<std::size_t, 3> kClasses = {BlockPool::kSmall, BlockPool::kMedium, BlockPool::kLarge};

int class_of(std::size_t total) noexcept {
  for (std::size_t i = 0; i < kClasses.size(); ++i)
    if (total <= kClasses[i]) return static_cast<int>(i);
  return -1;
}

}  // namespace

void BlockRef::release(Block* b) noexcept { b->pool_->put(b); }

BlockPool::~BlockPool() {
  assert(in_use_ == 0 && "a block outlives its pool");
  for (Block*& list : free_) {
    while (list) {
      Block* b = list;
      list = b->next_free_;
      std::free(b);
    }
  }
}

BlockRef BlockPool::get(std::size_t size) {
  std::size_t total = size + sizeof(Block);
  if (size == kSmall || size == kMedium || size == kLarge) total = size;  // a class size means the class
  int c = class_of(total);
  ++in_use_;
  if (c >= 0) {
    Block*& list = free_[static_cast<std::size_t>(c)];
    total = kClasses[static_cast<std::size_t>(c)];
    if (list) {
      Block* b = list;
      list = b->next_free_;
      free_bytes_ -= total;
      return BlockRef(b);
    }
  }
  void* memory = std::malloc(total);
  if (!memory) std::abort();  // out of memory ends the process
  auto* b = new (memory) Block;
  b->pool_ = this;
  b->capacity_ = static_cast<std::uint32_t>(total - sizeof(Block));
  return BlockRef(b);
}

void BlockPool::put(Block* b) noexcept {
  --in_use_;
  std::size_t total = b->capacity_ + sizeof(Block);
  int c = class_of(total);
  if (c >= 0 && total == kClasses[static_cast<std::size_t>(c)] && free_bytes_ + total <= keep_bytes_) {
    b->next_free_ = free_[static_cast<std::size_t>(c)];
    free_[static_cast<std::size_t>(c)] = b;
    free_bytes_ += total;
    return;
  }
  std::free(b);
}

}  // namespace gatehouse
