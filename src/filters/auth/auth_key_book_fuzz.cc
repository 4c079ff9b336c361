// Keys of an issuer as the state folder keeps them: what is understood is understood again as it is written.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "filters/auth/key_book.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse;
  const WallTime now{std::chrono::hours(500'000)};
  auto book = filters::KeyBook::parse({reinterpret_cast<const char*>(data), size}, "s", now);
  if (!book) return 0;
  const std::string text = book->to_text("s");
  auto again = filters::KeyBook::parse(text, "s", now);
  if (!again || again->to_text("s") != text) std::abort();
  if (again->in_force().size() != book->in_force().size()) std::abort();
  (void)book->expire(now);
  return 0;
}
