#include "filters/limits/zeroed_memory.h"

#include <sys/mman.h>

#include <cstdlib>

namespace gatehouse::filters {

namespace {

void* map(std::size_t bytes) noexcept {
  return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

}  // namespace

bool ZeroedMemory::available(std::size_t bytes) noexcept {
  void* data = map(bytes);
  return data != MAP_FAILED && munmap(data, bytes) == 0;
}

ZeroedMemory::ZeroedMemory(std::size_t bytes) : data_(map(bytes)), bytes_(bytes) {
  if (data_ == MAP_FAILED) std::abort();
  // A key lies anywhere: with huge pages the first thousand keys would take the whole of a level.
  madvise(data_, bytes_, MADV_NOHUGEPAGE);
}

ZeroedMemory::~ZeroedMemory() { munmap(data_, bytes_); }

}  // namespace gatehouse::filters
