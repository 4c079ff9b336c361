// Memory from the system that reads as zero and takes none until it is written to.
#pragma once

#include <cstddef>

namespace gatehouse::filters {

class ZeroedMemory {
 public:
  explicit ZeroedMemory(std::size_t bytes);  // ends the process where there is no address space for it
  ~ZeroedMemory();
  ZeroedMemory(const ZeroedMemory&) = delete;
  void* data() const noexcept { return data_; }  // page-aligned

 private:
  void* data_;
  std::size_t bytes_;
};

}  // namespace gatehouse::filters
