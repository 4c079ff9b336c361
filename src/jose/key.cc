#include "jose/key.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include <algorithm>
#include <bit>

#include "base/json_escape.h"
#include "jose/base64url.h"
#include "jose/json_document.h"
#include "jose/key_material.h"

namespace gatehouse::jose {

namespace {

using simdjson::dom::object;
using Words = std::unexpected<std::string>;

constexpr std::size_t kLeastSecret = 32;     // bytes
constexpr std::size_t kLeastModulus = 2048;  // bits
constexpr std::size_t kMostModulus = 8192;   // bits: a verification of half a millisecond
constexpr std::size_t kMostExponent = 8;     // bytes

// OpenSSL's queue of errors is the thread's: what we leave there, the next reader takes for its own.
class ErrorsForgotten {
 public:
  ErrorsForgotten() noexcept { ERR_set_mark(); }
  ~ErrorsForgotten() { ERR_pop_to_mark(); }
  ErrorsForgotten(const ErrorsForgotten&) = delete;
  ErrorsForgotten& operator=(const ErrorsForgotten&) = delete;
};

// A secret, while it is decoded.
struct Wiped {
  std::string bytes;
  Wiped() = default;
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  ~Wiped() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kMost = 40;
  std::array<char, kMost + 2 + kJsonEscapeGrowth> out{'"'};
  char* end = json_escape_max(text, kMost, out.data() + 1);
  *end++ = '"';
  return {out.data(), end};
}

// Empty where there is none. An error where it is no text.
std::expected<std::string_view, std::string> text_member(object jwk, std::string_view name) {
  simdjson::dom::element found;
  if (jwk.at_key(name).get(found) != simdjson::SUCCESS) return std::string_view();
  if (!found.is_string()) return Words(fmt::format("`{}` is not a string", name));
  return found.get_string().value_unsafe();
}

std::expected<std::string, std::string> bytes_member(object jwk, std::string_view name) {
  const auto text = text_member(jwk, name);
  if (!text) return Words(text.error());
  if (text->empty()) return Words(fmt::format("`{}` is missing", name));
  auto decoded = base64url_decode(*text);
  if (!decoded) return Words(fmt::format("`{}` is not base64url", name));
  return std::move(*decoded);
}

Thumbprint sha256(std::string_view text) {
  Thumbprint out{};
  std::size_t size = out.size();
  EVP_Q_digest(nullptr, "SHA256", nullptr, text.data(), text.size(), out.data(), &size);
  return out;
}

// What is there of `kid`, `alg`, `use` and `key_ops` before the key itself is looked at.
struct Purpose {
  std::string_view kid;
  std::string_view alg;  // empty: any that fits
};

std::expected<Purpose, std::string> read_purpose(object jwk) {
  const auto kid = text_member(jwk, "kid");
  const auto alg = text_member(jwk, "alg");
  const auto use = text_member(jwk, "use");
  for (const auto* text : {&kid, &alg, &use})
    if (!*text) return Words(text->error());
  simdjson::dom::element ignored;
  if (jwk.at_key("use").get(ignored) == simdjson::SUCCESS && *use != "sig")
    return Words(fmt::format("it is for `use` {}, not for signatures", in_quotes(*use)));
  if (jwk.at_key("alg").get(ignored) == simdjson::SUCCESS && !algorithm_named(*alg))
    return Words(fmt::format("its `alg` {} is no signature algorithm that is supported", in_quotes(*alg)));
  simdjson::dom::element operations;
  if (jwk.at_key("key_ops").get(operations) == simdjson::SUCCESS) {
    if (!operations.is_array()) return Words("`key_ops` is not a list");
    bool verifies = false;
    for (simdjson::dom::element each : operations.get_array().value_unsafe()) {
      if (!each.is_string()) return Words("`key_ops` is not a list of strings");
      verifies = verifies || each.get_string().value_unsafe() == "verify";
    }
    if (!verifies) return Words("its `key_ops` do not allow to verify");
  }
  return Purpose{*kid, *alg};
}

// What `kty` and `crv` allow, less what `alg` does not.
std::expected<AlgorithmSet, std::string> narrowed(AlgorithmSet fitting, const Purpose& purpose) {
  if (purpose.alg.empty()) return fitting;
  AlgorithmSet named;
  named.insert(*algorithm_named(purpose.alg));
  if ((named & fitting).empty())
    return Words(fmt::format("its `alg` {} is not for such a key", in_quotes(purpose.alg)));
  return named;
}

// `required` are the members that RFC 7638 hashes, in its order.
std::expected<Key, std::string> finish(std::shared_ptr<KeyMaterial> material, const Purpose& purpose,
                                       AlgorithmSet algorithms, const std::string& required) {
  if (!prepare(*material, algorithms)) return Words("it cannot be used with its algorithm");
  material->kid = purpose.kid;
  material->thumbprint = sha256(fmt::format("{{{}}}", required));
  std::string extra;
  if (!purpose.alg.empty()) extra += fmt::format(R"(,"alg":"{}")", purpose.alg);
  if (!purpose.kid.empty()) {
    std::string escaped(purpose.kid.size() * kJsonEscapeGrowth, '\0');
    escaped.resize(static_cast<std::size_t>(json_escape(purpose.kid, escaped.data()) - escaped.data()));
    extra += fmt::format(R"(,"kid":"{}")", escaped);
  }
  material->jwk = fmt::format("{{{}{}}}", required, extra);
  return KeyMaterial::to_key(std::move(material));
}

std::string_view without_leading_zeros(std::string_view number) {
  const std::size_t first = number.find_first_not_of('\0');
  return first == number.npos ? std::string_view() : number.substr(first);
}

bool is_odd(std::string_view number) { return (static_cast<unsigned char>(number.back()) & 1U) != 0; }

std::expected<Key, std::string> read_rsa(object jwk, const Purpose& purpose) {
  const auto modulus = bytes_member(jwk, "n");
  if (!modulus) return Words(modulus.error());
  const auto exponent = bytes_member(jwk, "e");
  if (!exponent) return Words(exponent.error());
  const std::string_view n = without_leading_zeros(*modulus);
  const std::string_view e = without_leading_zeros(*exponent);
  const std::size_t bits =
      n.empty()
          ? 0
          : (n.size() - 1) * 8 + static_cast<std::size_t>(std::bit_width(static_cast<unsigned char>(n[0])));
  if (bits < kLeastModulus || bits > kMostModulus)
    return Words(fmt::format("an RSA key has {} to {} bits, this one {}", kLeastModulus, kMostModulus, bits));
  if (e.empty() || e.size() > kMostExponent || !is_odd(e) || e == "\x01")
    return Words("its exponent is not odd and from 3 to 2^64 - 1");
  if (!is_odd(n)) return Words("its modulus is even");
  if (has_roca_shape(n))
    return Words("it comes from a generator whose keys can be factored (CVE-2017-15361)");

  AlgorithmSet fitting;
  for (auto a : {Algorithm::rs256, Algorithm::rs384, Algorithm::rs512, Algorithm::ps256, Algorithm::ps384,
                 Algorithm::ps512})
    fitting.insert(a);
  const auto algorithms = narrowed(fitting, purpose);
  if (!algorithms) return Words(algorithms.error());
  auto material = std::make_shared<KeyMaterial>();
  material->key = make_rsa(n, e);
  if (!material->key) return Words("it is not an RSA key");
  material->signature_size = n.size();
  return finish(std::move(material), purpose, *algorithms,
                fmt::format(R"("e":"{}","kty":"RSA","n":"{}")", base64url_encode(e), base64url_encode(n)));
}

struct Curve {
  std::string_view name;
  const char* group;
  std::size_t coordinate_size;
  Algorithm algorithm;
};
constexpr std::array<Curve, 3> kCurves = {{
    {"P-256", "P-256", 32, Algorithm::es256},
    {"P-384", "P-384", 48, Algorithm::es384},
    {"P-521", "P-521", 66, Algorithm::es512},
}};

std::expected<Key, std::string> read_ec(object jwk, const Purpose& purpose) {
  const auto crv = text_member(jwk, "crv");
  if (!crv) return Words(crv.error());
  const auto* const curve = std::ranges::find(kCurves, *crv, &Curve::name);
  if (curve == kCurves.end()) return Words(fmt::format("the curve {} is not supported", in_quotes(*crv)));
  const auto x = bytes_member(jwk, "x");
  if (!x) return Words(x.error());
  const auto y = bytes_member(jwk, "y");
  if (!y) return Words(y.error());
  if (x->size() != curve->coordinate_size || y->size() != curve->coordinate_size)
    return Words(fmt::format("a coordinate on {} has {} bytes", curve->name, curve->coordinate_size));

  AlgorithmSet fitting;
  fitting.insert(curve->algorithm);
  const auto algorithms = narrowed(fitting, purpose);
  if (!algorithms) return Words(algorithms.error());
  auto material = std::make_shared<KeyMaterial>();
  material->key = make_ec(curve->group, *x, *y);
  if (!material->key) return Words(fmt::format("its point is not on {}", curve->name));
  material->coordinate_size = curve->coordinate_size;
  material->signature_size = 2 * curve->coordinate_size;
  return finish(std::move(material), purpose, *algorithms,
                fmt::format(R"("crv":"{}","kty":"EC","x":"{}","y":"{}")", curve->name, base64url_encode(*x),
                            base64url_encode(*y)));
}

std::expected<Key, std::string> read_okp(object jwk, const Purpose& purpose) {
  constexpr std::size_t kKeySize = 32;
  constexpr std::size_t kSignatureSize = 64;
  const auto crv = text_member(jwk, "crv");
  if (!crv) return Words(crv.error());
  if (*crv != "Ed25519") return Words(fmt::format("the curve {} is not supported", in_quotes(*crv)));
  const auto x = bytes_member(jwk, "x");
  if (!x) return Words(x.error());
  if (x->size() != kKeySize) return Words("a key on Ed25519 has 32 bytes");

  AlgorithmSet fitting;
  fitting.insert(Algorithm::eddsa);
  const auto algorithms = narrowed(fitting, purpose);
  if (!algorithms) return Words(algorithms.error());
  auto material = std::make_shared<KeyMaterial>();
  material->key = make_ed25519(*x);
  if (!material->key) return Words("it is not a key on Ed25519");
  material->signature_size = kSignatureSize;
  return finish(std::move(material), purpose, *algorithms,
                fmt::format(R"("crv":"Ed25519","kty":"OKP","x":"{}")", base64url_encode(*x)));
}

std::expected<Key, std::string> make_secret(std::string_view secret, AlgorithmSet allowed,
                                            std::string_view kid) {
  if (secret.size() < kLeastSecret)
    return Words(fmt::format("a secret has at least 256 bits, this one {}", secret.size() * 8));
  auto material = std::make_shared<KeyMaterial>();
  if (!prepare_secret(*material, allowed, secret))
    return Words("the secret is shorter than its algorithm's hash (RFC 7518 section 3.2)");
  material->kid = kid;
  Wiped hashed;
  hashed.bytes = base64url_encode(secret);
  Wiped required;
  required.bytes = fmt::format(R"({{"k":"{}","kty":"oct"}})", hashed.bytes);
  material->thumbprint = sha256(required.bytes);
  return KeyMaterial::to_key(std::move(material));
}

std::expected<Key, std::string> read_secret(object jwk, const Purpose& purpose) {
  Wiped secret;
  auto k = bytes_member(jwk, "k");
  if (!k) return Words(k.error());
  secret.bytes = std::move(*k);
  const auto algorithms = narrowed(AlgorithmSet::symmetric(), purpose);
  if (!algorithms) return Words(algorithms.error());
  return make_secret(secret.bytes, *algorithms, purpose.kid);
}

}  // namespace

std::expected<Key, std::string> read_jwk(object jwk) {
  const ErrorsForgotten guard;
  const auto kty = text_member(jwk, "kty");
  if (!kty) return Words(kty.error());
  const auto purpose = read_purpose(jwk);
  if (!purpose) return Words(purpose.error());
  if (*kty == "RSA") return read_rsa(jwk, *purpose);
  if (*kty == "EC") return read_ec(jwk, *purpose);
  if (*kty == "OKP") return read_okp(jwk, *purpose);
  if (*kty == "oct") return read_secret(jwk, *purpose);
  if (kty->empty()) return Words("`kty` is missing");
  return Words(fmt::format("the key type {} is not supported", in_quotes(*kty)));
}

std::expected<Key, std::string> Key::from_jwk(std::string_view json) {
  if (json.size() > kMaxJwkBytes) return Words(fmt::format("a key has at most {} bytes", kMaxJwkBytes));
  JsonDocument document;
  if (!document.parse(json)) return Words("it is not a JSON object, or names a member twice");
  return read_jwk(document.root());
}

std::expected<Key, std::string> Key::from_secret(std::string_view secret, std::string_view kid) {
  const ErrorsForgotten guard;
  return make_secret(secret, AlgorithmSet::symmetric(), kid);
}

std::string_view Key::kid() const noexcept { return material_->kid; }
const Thumbprint& Key::thumbprint() const noexcept { return material_->thumbprint; }
AlgorithmSet Key::algorithms() const noexcept { return material_->algorithms; }
const std::string& Key::jwk() const noexcept { return material_->jwk; }

}  // namespace gatehouse::jose
