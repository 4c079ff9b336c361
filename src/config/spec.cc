#include "config/spec.h"

namespace gatehouse::config {

const Written::Entry* Written::find(std::size_t field) const noexcept {
  for (const Entry& entry : entries) {
    if (entry.field == field) return &entry;
  }
  return nullptr;
}

}  // namespace gatehouse::config
