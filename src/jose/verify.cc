#include "jose/verify.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>

#include "jose/key_material.h"

namespace gatehouse::jose {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool equal_without_case(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

// RFC 7515 section 4.1.9: `application/` may be left out where no other slash follows.
std::string_view short_type(std::string_view type) noexcept {
  constexpr std::string_view kPrefix = "application/";
  if (type.size() < kPrefix.size() || !equal_without_case(type.substr(0, kPrefix.size()), kPrefix))
    return type;
  const std::string_view rest = type.substr(kPrefix.size());
  return rest.find('/') == rest.npos ? rest : type;
}

std::int64_t saturating_sum(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
}

// DER of an ECDSA signature (RFC 3279 section 2.2.3) of r and s as they lie in a JWS: OpenSSL takes no other.
class DerSignature {
 public:
  explicit DerSignature(std::string_view raw) noexcept {
    const std::string_view r = minimal(raw.substr(0, raw.size() / 2));
    const std::string_view s = minimal(raw.substr(raw.size() / 2));
    const std::size_t content = integer_size(r) + integer_size(s);
    put(kSequence);
    if (content > kShortForm) put(kLongFormOfOne);
    put(content);
    put_integer(r);
    put_integer(s);
  }
  [[nodiscard]] const unsigned char* data() const noexcept { return bytes_.data(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  static constexpr std::size_t kMost = 3 + 2 * (2 + 1 + 66);  // P-521
  static constexpr std::size_t kSequence = 0x30;
  static constexpr std::size_t kInteger = 0x02;
  static constexpr std::size_t kShortForm = 0x7f;
  static constexpr std::size_t kLongFormOfOne = 0x81;

  static std::string_view minimal(std::string_view number) noexcept {
    while (number.size() > 1 && number.front() == '\0') number.remove_prefix(1);
    return number;
  }
  static bool looks_negative(std::string_view number) noexcept {
    return (static_cast<unsigned char>(number.front()) & 0x80U) != 0;
  }
  static std::size_t integer_size(std::string_view number) noexcept {
    return 2 + number.size() + (looks_negative(number) ? 1 : 0);
  }
  void put(std::size_t byte) noexcept { bytes_[size_++] = static_cast<unsigned char>(byte); }
  void put_integer(std::string_view number) noexcept {
    put(kInteger);
    put(integer_size(number) - 2);
    if (looks_negative(number)) put(0);
    for (char c : number) put(static_cast<unsigned char>(c));
  }

  std::array<unsigned char, kMost> bytes_{};
  std::size_t size_ = 0;
};

const unsigned char* bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool verify_mac(EVP_MAC_CTX* ready, std::string_view message, std::string_view signature) noexcept {
  const MacContextPtr context(EVP_MAC_CTX_dup(ready));
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  std::size_t size = 0;
  return context && EVP_MAC_update(context.get(), bytes(message), message.size()) == 1 &&
         EVP_MAC_final(context.get(), mac.data(), &size, mac.size()) == 1 && size == signature.size() &&
         CRYPTO_memcmp(mac.data(), signature.data(), size) == 0;
}

bool verify_digest(const KeyMaterial& key, EVP_MD_CTX* ready, std::string_view message,
                   std::string_view signature) noexcept {
  if (signature.size() != key.signature_size) return false;
  const DigestContextPtr context(EVP_MD_CTX_new());
  if (!context || EVP_MD_CTX_copy_ex(context.get(), ready) != 1) return false;
  // Else OpenSSL copies once more before it finishes, so that one could go on.
  EVP_MD_CTX_set_flags(context.get(), EVP_MD_CTX_FLAG_FINALISE);
  if (key.coordinate_size == 0)
    return EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(message),
                            message.size()) == 1;
  const DerSignature der(signature);
  return EVP_DigestVerify(context.get(), der.data(), der.size(), bytes(message), message.size()) == 1;
}

std::optional<Fault> check_times(const Claims& claims, std::int64_t now_s, std::int64_t leeway_s) noexcept {
  if (!claims.expires()) return Fault::no_expiry;
  if (now_s >= saturating_sum(*claims.expires(), leeway_s)) return Fault::expired;
  const std::int64_t latest = saturating_sum(now_s, leeway_s);
  if (claims.not_before() && *claims.not_before() > latest) return Fault::not_yet_valid;
  if (claims.issued_at() && *claims.issued_at() > latest) return Fault::not_yet_valid;
  return std::nullopt;
}

}  // namespace

std::expected<void, Fault> check_claims(const Token& token, const Expectation& expected,
                                        std::int64_t now_s) noexcept {
  const Claims& claims = token.claims();
  if (!expected.algorithms.contains(token.algorithm())) return std::unexpected(Fault::algorithm_not_allowed);
  if (!expected.type.empty() && !equal_without_case(short_type(token.typ()), short_type(expected.type)))
    return std::unexpected(Fault::wrong_type);
  if (!expected.issuer.empty() && claims.issuer() != expected.issuer)
    return std::unexpected(Fault::wrong_issuer);
  if (!expected.audiences.empty() && std::ranges::none_of(expected.audiences, [&](const std::string& each) {
        return claims.has_audience(each);
      }))
    return std::unexpected(Fault::wrong_audience);
  if (const auto fault = check_times(claims, now_s, expected.leeway_s)) return std::unexpected(*fault);
  if (claims.bound()) return std::unexpected(Fault::bound_to_sender);
  return {};
}

bool can_verify(const Token& token, const Key& key) noexcept {
  if (!key.algorithms().contains(token.algorithm())) return false;
  return !token.kid() || key.kid().empty() || *token.kid() == key.kid();
}

std::expected<void, Fault> verify(const Key& key, Algorithm algorithm, std::string_view message,
                                  std::string_view signature) noexcept {
  const KeyMaterial& material = key.material();
  const auto index = static_cast<std::size_t>(algorithm);
  bool good = false;
  ERR_set_mark();  // a refused signature leaves errors in the thread's queue, where TLS would find them
  if (EVP_MD_CTX* ready = material.digest[index].get())
    good = verify_digest(material, ready, message, signature);
  else if (EVP_MAC_CTX* secret = material.mac[index].get())
    good = verify_mac(secret, message, signature);
  ERR_pop_to_mark();
  if (!good) return std::unexpected(Fault::bad_signature);
  return {};
}

std::expected<void, Fault> verify(const Token& token, const Key& key) noexcept {
  return verify(key, token.algorithm(), token.signing_input(), token.signature());
}

}  // namespace gatehouse::jose
