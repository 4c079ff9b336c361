#include "filters/auth/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstdlib>

namespace gatehouse::filters {

Sha256::Sha256() : algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
  if (algorithm_ == nullptr || context_ == nullptr || EVP_DigestInit_ex2(context_, algorithm_, nullptr) != 1)
    std::abort();  // nobody could be judged, and nobody may be let in for it
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(context_);
  EVP_MD_free(algorithm_);
}

Digest Sha256::operator()(std::string_view a, std::string_view b) noexcept {
  Digest out;
  if (EVP_DigestInit_ex2(context_, nullptr, nullptr) != 1 ||
      EVP_DigestUpdate(context_, a.data(), a.size()) != 1 ||
      EVP_DigestUpdate(context_, b.data(), b.size()) != 1 ||
      EVP_DigestFinal_ex(context_, out.data(), nullptr) != 1)
    std::abort();
  return out;
}

bool same_digest(const Digest& a, const Digest& b) noexcept {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace gatehouse::filters
