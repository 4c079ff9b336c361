// Discovery documents and caching fields of whoever answers for an issuer.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "filters/auth/discovery.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto url = filters::parse_discovery(text, "https://id.example")) {
    if (url->host.empty() || !url->target.starts_with('/')) std::abort();
    if (url->target.find_first_of("\r\n ") != std::string::npos) std::abort();
  }
  const Duration ttl = filters::ttl_of(text, text.substr(0, size / 2));
  if (ttl < filters::kShortestTtl || ttl > filters::kLongestTtl) std::abort();
  return 0;
}
