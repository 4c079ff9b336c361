// The last good configuration as it is kept: any bytes are read or refused, and what was read is written
// again as it was.
#include <cstdlib>

#include <fmt/format.h>

#include "base/hash.h"
#include "control/kept_configuration.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using gatehouse::control::KeptConfiguration;
  std::string text(reinterpret_cast<const char*>(data), size);
  (void)KeptConfiguration::parse(text);
  text += fmt::format("{:016x}\n", gatehouse::hash64(text));  // so that what lies behind it is reached
  const auto kept = KeptConfiguration::parse(text);
  if (!kept) return 0;
  const auto again = KeptConfiguration::parse(kept->text());
  if (!again || again->files != kept->files) std::abort();
  return 0;
}
