// Addresses of names as the state folder keeps them: what is understood is understood again as it is written.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/known_addresses.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse::control;
  auto known = parse_addresses({reinterpret_cast<const char*>(data), size});
  if (!known) return 0;
  if (known->size() > kMostNames) std::abort();
  auto again = parse_addresses(to_text(*known));
  if (!again || *again != *known) std::abort();
  return 0;
}
