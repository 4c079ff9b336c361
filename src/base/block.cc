#include "base/block.h"

#include <cstdlib>
#include <new>

// Under AddressSanitizer a free block is out of bounds: a view that outlives its slice is found.
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)
#define ASAN_UNPOISON_MEMORY_REGION(address, size)
#endif

namespace gatehouse {
namespace {

constexpr std::array<std::size_t, 3> kClasses = {BlockPool::kSmall, BlockPool::kMedium, BlockPool::kLarge};

int class_of(std::size_t capacity) noexcept {
  for (std::size_t i = 0; i < kClasses.size(); ++i)
    if (capacity <= kClasses[i]) return static_cast<int>(i);
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
  assert(size < UINT32_MAX);
  int c = class_of(size);
  ++in_use_;
  if (c >= 0) {
    size = kClasses[static_cast<std::size_t>(c)];
    Block*& list = free_[static_cast<std::size_t>(c)];
    if (list) {
      Block* b = list;
      list = b->next_free_;
      free_bytes_ -= size;
      ASAN_UNPOISON_MEMORY_REGION(b->data(), b->capacity_);
      return BlockRef(b);
    }
  }
  void* memory = std::malloc(size + sizeof(Block));
  if (!memory) std::abort();  // out of memory ends the process
  auto* b = new (memory) Block;
  b->pool_ = this;
  b->capacity_ = static_cast<std::uint32_t>(size);
  return BlockRef(b);
}

void BlockPool::put(Block* b) noexcept {
  --in_use_;
  int c = class_of(b->capacity_);
  if (c >= 0 && free_bytes_ + b->capacity_ <= keep_bytes_) {  // a class's block has its class's capacity
    b->next_free_ = free_[static_cast<std::size_t>(c)];
    free_[static_cast<std::size_t>(c)] = b;
    free_bytes_ += b->capacity_;
    ASAN_POISON_MEMORY_REGION(b->data(), b->capacity_);
    return;
  }
  std::free(b);
}

}  // namespace gatehouse
