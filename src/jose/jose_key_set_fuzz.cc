// Key sets: what is read is written in a normal form that is its own normal form, and is never a secret.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "jose/key_set.h"
#include "jose/verify.h"

namespace {

using namespace gatehouse::jose;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const Key& key) {
  require(!key.algorithms().empty());
  const bool symmetric = (key.algorithms() & AlgorithmSet::asymmetric()).empty();
  require(symmetric == key.jwk().empty());
  if (symmetric) return;
  require((key.algorithms() & AlgorithmSet::symmetric()).empty());
  const auto again = Key::from_jwk(key.jwk());
  require(again && again->jwk() == key.jwk() && again->kid() == key.kid());
  require(again->thumbprint() == key.thumbprint() && again->algorithms() == key.algorithms());
  for (std::size_t i = 0; i < kAlgorithms; ++i)
    require(!verify(key, static_cast<Algorithm>(i), "message", "signature"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto set = KeySet::parse(text)) {
    require(set->keys.size() + set->skipped.size() <= KeySet::kMaxKeys);
    for (const Key& key : set->keys) {
      require(!key.jwk().empty());
      check(key);
    }
    for (const SkippedKey& skipped : set->skipped) require(!skipped.why.empty());
  }
  if (const auto key = Key::from_jwk(text))
    check(*key);
  else
    require(!key.error().empty());
  return 0;
}
