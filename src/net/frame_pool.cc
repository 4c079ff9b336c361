#include "net/frame_pool.h"

#include <array>
#include <cstdlib>

namespace gatehouse::net {
namespace {

constexpr std::size_t kStep = 64;
constexpr std::size_t kClasses = 64;                    // frames up to 4 KB are pooled
constexpr std::size_t kKeep = std::size_t{256} * 1024;  // bytes kept free per class

struct FreeFrame {
  FreeFrame* next;
};

struct Pool {
  std::array<FreeFrame*, kClasses> free{};
  std::array<std::size_t, kClasses> bytes{};
  ~Pool() {
    for (auto* list : free) {
      while (list) {
        auto* next = list->next;
        std::free(list);
        list = next;
      }
    }
  }
};

thread_local Pool pool;

// A pooled frame that is used after its end looks alive to AddressSanitizer.
#if __has_feature(address_sanitizer)
constexpr bool kPooled = false;
#else
constexpr bool kPooled = true;
#endif

}  // namespace

void* allocate_frame(std::size_t size) {
  std::size_t c = (size + kStep - 1) / kStep;
  if (kPooled && c < kClasses) {
    if (FreeFrame* f = pool.free[c]) {
      pool.free[c] = f->next;
      pool.bytes[c] -= c * kStep;
      return f;
    }
    size = c * kStep;
  }
  void* p = std::malloc(size);
  if (!p) std::abort();  // out of memory ends the process
  return p;
}

void free_frame(void* frame, std::size_t size) noexcept {
  std::size_t c = (size + kStep - 1) / kStep;
  if (kPooled && c < kClasses && pool.bytes[c] < kKeep) {
    auto* f = static_cast<FreeFrame*>(frame);
    f->next = pool.free[c];
    pool.free[c] = f;
    pool.bytes[c] += c * kStep;
    return;
  }
  std::free(frame);
}

}  // namespace gatehouse::net
