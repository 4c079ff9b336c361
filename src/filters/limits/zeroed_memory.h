// Memory from the system that reads as zero and takes none until it is written to.
#pragma once

#include <cstddef>

namespace gatehouse::filters {

class ZeroedMemory {
 public:
  // Whether there is address space for so much.
  static bool available(std::size_t bytes) noexcept;
  explicit ZeroedMemory(std::size_t bytes);  // ends the process where it is not available
  ~ZeroedMemory();
  ZeroedMemory(const ZeroedMemory&) = delete;
  void* data() const noexcept { return data_; }  // page-aligned

 private:
  void* data_;
  std::size_t bytes_;
};

}  // namespace gatehouse::filters
