// What is kept of limits: any bytes are read or refused, and what was read is written again as it was.
#include <cstdlib>
#include <string_view>

#include "base/hash.h"
#include "filters/limits/kept_limits.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse::filters;
  std::string text(reinterpret_cast<const char*>(data), size);
  (void)KeptLimits::parse(text);
  // With the right sum, so that what lies behind it is reached.
  const std::uint64_t sum = gatehouse::hash64(text);
  text.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  const auto kept = KeptLimits::parse(text);
  if (!kept) return 0;
  KeptLimitsWriter writer(kept->secret(), kept->at());
  for (const KeptLimits::Limit& limit : kept->limits())
    writer.add_limit(limit.identity, limit.portion, limit.debt);
  for (std::size_t i = 0; i < kept->keys(); ++i) writer.add_key(kept->key(i));
  if (writer.finish() != text) std::abort();
  return 0;
}
