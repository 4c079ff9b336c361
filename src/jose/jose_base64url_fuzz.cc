// What is decoded is encoded to the same text: there is one spelling.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "jose/base64url.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse::jose;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto decoded = base64url_decode(text);
  if (decoded) {
    require(decoded->size() == base64url_decoded_size(size));
    require(base64url_encode(*decoded) == text);
  }
  require(base64url_decode(base64url_encode(text)) == text);
  return 0;
}
