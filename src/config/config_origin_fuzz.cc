// Any text as an origin: what is understood is shown so that it is understood again, and means the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/values.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse::config;
  auto origin = parse_origin_pattern({reinterpret_cast<const char*>(data), size});
  if (!origin) return 0;
  auto again = parse_origin_pattern(shown(*origin));
  if (!again || *again != *origin) std::abort();
  return 0;
}
