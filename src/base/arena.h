// Memory of one exchange: bump allocation in pooled blocks, given back all at once.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/block.h"

namespace gatehouse {

// Thread: the loop of its pool. Destructors of what is made here do not run, so only trivially destructible
// types may be made; whoever needs a destructor owns the object some other way.
class Arena {
 public:
  explicit Arena(BlockPool& pool) noexcept : pool_(&pool) {}
  // Begins behind `first`, in what is left of its block, where nobody else uses that and it is worth it: a
  // head and what is made of it then share a page.
  Arena(BlockPool& pool, const Slice& first) noexcept : pool_(&pool) { begin_behind(first); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { reset(); }

  void* allocate(std::size_t size, std::size_t align = alignof(std::max_align_t)) {
    auto p = (reinterpret_cast<std::uintptr_t>(cursor_) + align - 1) & ~(align - 1);
    if (p + size <= reinterpret_cast<std::uintptr_t>(end_) && cursor_) {
      cursor_ = reinterpret_cast<char*>(p + size);
      return reinterpret_cast<void*>(p);
    }
    return allocate_slow(size, align);
  }

  template <class T, class... Args>
  T* make(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>);
    return new (allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
  }

  template <class T>
  T* make_array(std::size_t n) {
    return new (room_for<T>(n)) T[n]{};
  }

  // Room for `n` of T, of which nothing is made yet.
  template <class T>
  T* room_for(std::size_t n) {
    static_assert(std::is_trivially_destructible_v<T>);
    constexpr std::size_t size = sizeof(T);  // NOLINT(bugprone-sizeof-expression): T may be a pointer
    return static_cast<T*>(allocate(size * n, alignof(T)));
  }

  std::string_view copy(std::string_view text) {
    auto* p = static_cast<char*>(allocate(text.size() ? text.size() : 1, 1));
    if (!text.empty()) std::memcpy(p, text.data(), text.size());
    return {p, text.size()};
  }

  // a + b + ... in one piece
  template <class... Parts>
  std::string_view concat(const Parts&... parts) {
    std::size_t n = (std::string_view(parts).size() + ... + 0);
    auto* p = static_cast<char*>(allocate(n ? n : 1, 1));
    char* w = p;
    auto put = [&w](std::string_view s) {
      if (!s.empty()) std::memcpy(w, s.data(), s.size());
      w += s.size();
    };
    (put(std::string_view(parts)), ...);
    return {p, n};
  }

  void reset() noexcept;
  std::size_t used() const noexcept { return used_; }  // bytes held in blocks

 private:
  struct Chunk {
    Chunk* previous;
    BlockRef block;
  };
  void begin_behind(const Slice& first) noexcept;
  void add_chunk(BlockRef block, char* start) noexcept;
  void* allocate_slow(std::size_t size, std::size_t align);

  BlockPool* pool_;
  Chunk* chunk_ = nullptr;
  char* cursor_ = nullptr;
  char* end_ = nullptr;
  std::size_t used_ = 0;
};

}  // namespace gatehouse
