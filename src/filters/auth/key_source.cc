#include "filters/auth/key_source.h"

#include <openssl/sha.h>

#include <array>
#include <span>

#include "jose/base64url.h"

namespace gatehouse::filters {

// A hash, because a URL may come from a `$NAME` and this is written to the disk.
std::string KeySource::identity() const {
  std::string text = issuer;
  text += '\0';
  auto put = [&](std::string_view kind, const config::WebUrl& url) {
    text.append(kind).append(url.tls ? " https " : " http ").append(url.host);
    text.append(" ").append(std::to_string(url.port)).append(" ").append(url.target);
  };
  if (discovery) {
    put("discovery", *discovery);
  } else if (jwks) {
    put("jwks", *jwks);
  } else {
    text += secret ? "secret" : "file";
  }
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return jose::base64url_encode(std::span<const std::uint8_t>(digest));
}

}  // namespace gatehouse::filters
