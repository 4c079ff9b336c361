#include "gateway/state_file.h"

namespace gatehouse::gateway {

std::string text_of(const StateFile& file) {
  const std::size_t size = file.size();
  std::string text;
  text.resize_and_overwrite(size, [&](char* data, std::size_t) { return file.read(0, {data, size}); });
  return text;
}

}  // namespace gatehouse::gateway
