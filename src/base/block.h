// Blocks: pooled buffers that bytes from the network live in. Slices: views that keep their block alive.
//
// Thread: a block belongs to the loop whose pool made it; counts are plain integers. Nothing here may cross
// threads.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace gatehouse {

class BlockPool;

// Header of a pooled buffer; the bytes follow it in memory.
class Block {
 public:
  char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  friend class BlockPool;
  friend class BlockRef;
  BlockPool* pool_ = nullptr;
  Block* next_free_ = nullptr;
  std::uint32_t refs_ = 0;
  std::uint32_t capacity_ = 0;
};

// Shared ownership of a block within one thread.
class BlockRef {
 public:
  BlockRef() noexcept = default;
  explicit BlockRef(Block* b) noexcept : block_(b) {  // takes a new reference
    if (b) ++b->refs_;
  }
  BlockRef(const BlockRef& o) noexcept : BlockRef(o.block_) {}
  BlockRef(BlockRef&& o) noexcept : block_(std::exchange(o.block_, nullptr)) {}
  BlockRef& operator=(BlockRef o) noexcept {
    std::swap(block_, o.block_);
    return *this;
  }
  ~BlockRef() {
    if (block_ && --block_->refs_ == 0) release(block_);
  }
  explicit operator bool() const noexcept { return block_ != nullptr; }
  Block* get() const noexcept { return block_; }
  Block* operator->() const noexcept { return block_; }
  bool unique() const noexcept { return block_ && block_->refs_ == 1; }

 private:
  static void release(Block* b) noexcept;
  Block* block_ = nullptr;
};

// Bytes with a share in what holds them. Without a block the bytes have static lifetime or outlive the slice.
class Slice {
 public:
  Slice() noexcept = default;
  Slice(BlockRef block, const char* data, std::size_t size) noexcept
      : block_(std::move(block)), data_(data), size_(size) {}
  Slice(const Slice&) noexcept = default;
  Slice& operator=(const Slice&) noexcept = default;
  // What was moved from is empty: bytes are never sent twice by whoever looks again.
  Slice(Slice&& o) noexcept : block_(std::move(o.block_)), data_(o.data_), size_(std::exchange(o.size_, 0)) {}
  Slice& operator=(Slice&& o) noexcept {
    block_ = std::move(o.block_);
    data_ = o.data_;
    size_ = std::exchange(o.size_, 0);
    return *this;
  }
  static Slice unowned(std::string_view text) noexcept { return {BlockRef{}, text.data(), text.size()}; }

  const char* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::string_view view() const noexcept { return {data_, size_}; }
  const BlockRef& block() const noexcept { return block_; }

  void remove_prefix(std::size_t n) noexcept {
    assert(n <= size_);
    data_ += n;
    size_ -= n;
  }
  Slice first(std::size_t n) const noexcept {
    assert(n <= size_);
    return {block_, data_, n};
  }

 private:
  BlockRef block_;
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

// Free lists of blocks in a few sizes. Keeps at most `keep_bytes` of free memory, returns the rest to the
// system.
class BlockPool {
 public:
  // Capacities of the classes; with its header a block is a whole number of pages for the allocator.
  static constexpr std::size_t kSmall = 4096 - sizeof(Block);    // heads
  static constexpr std::size_t kMedium = 16384 - sizeof(Block);  // first piece of a body
  static constexpr std::size_t kLarge = 65536 - sizeof(Block);   // bulk

  explicit BlockPool(std::size_t keep_bytes = std::size_t{4} << 20) noexcept : keep_bytes_(keep_bytes) {}
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  // A block with at least `size` bytes of capacity. Sizes above kLarge are made to measure and never pooled.
  BlockRef get(std::size_t size);

  std::size_t in_use() const noexcept { return in_use_; }  // blocks handed out and not yet returned
  std::size_t free_bytes() const noexcept { return free_bytes_; }

 private:
  friend class BlockRef;
  void put(Block* b) noexcept;

  std::array<Block*, 3> free_{};
  std::size_t keep_bytes_;
  std::size_t free_bytes_ = 0;
  std::size_t in_use_ = 0;
};

}  // namespace gatehouse
