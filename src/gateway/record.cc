#include "gateway/record.h"

#include <algorithm>

namespace gatehouse::gateway {

KeptRecord::KeptRecord(const RequestRecord& r) : record_(r) {
  std::size_t size = 0;
  for (auto text : RequestRecord::texts()) size += (r.*text).size();
  texts_ = std::make_unique_for_overwrite<char[]>(size);
  char* at = texts_.get();
  for (auto text : RequestRecord::texts()) {
    std::string_view& view = record_.*text;
    char* end = std::ranges::copy(view, at).out;
    view = {at, view.size()};
    at = end;
  }
}

}  // namespace gatehouse::gateway
