// What is kept of limits: any bytes are read or refused, and what was read is written again as it was.
#include <cstdlib>
#include <string_view>

#include "base/hash.h"
#include "filters/limits/kept_limits.h"
#include "gateway/state_file_testing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse::filters;
  using gatehouse::gateway::testing::MemoryFile;
  std::string text(reinterpret_cast<const char*>(data), size);
  (void)KeptLimits::read(MemoryFile(text));
  // With the right sum, so that what lies behind it is reached.
  const std::uint64_t sum = gatehouse::hash64(text);
  text.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  const MemoryFile file(text);
  const auto kept = KeptLimits::read(file);
  if (!kept) return 0;
  KeptLimitsWriter writer(kept->secret(), kept->at());
  for (const KeptLimits::Limit& limit : kept->limits())
    writer.add_limit(limit.identity, limit.portion, limit.debt);
  KeptKeys all(*kept);
  for (auto keys = all.next(); !keys.empty(); keys = all.next())
    for (const KeptKey& key : keys) writer.add_key(key);
  if (writer.finish() != text) std::abort();
  return 0;
}
