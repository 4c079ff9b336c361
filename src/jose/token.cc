#include "jose/token.h"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "jose/base64url.h"
#include "jose/json_document.h"

namespace gatehouse::jose {

namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

// Three parts; nullopt for fewer or more.
std::optional<std::array<std::string_view, 3>> split(std::string_view compact) noexcept {
  const std::size_t first = compact.find('.');
  if (first == compact.npos) return std::nullopt;
  const std::size_t second = compact.find('.', first + 1);
  if (second == compact.npos || compact.find('.', second + 1) != compact.npos) return std::nullopt;
  return std::array{compact.substr(0, first), compact.substr(first + 1, second - first - 1),
                    compact.substr(second + 1)};
}

std::optional<element> member(object object, std::string_view name) noexcept {
  element found;
  if (object.at_key(name).get(found) != simdjson::SUCCESS) return std::nullopt;
  return found;
}

// false: it is there and no string.
bool take_text(object object, std::string_view name, std::optional<std::string_view>& out) noexcept {
  const auto found = member(object, name);
  if (!found) return true;
  if (!found->is_string()) return false;
  out = found->get_string().value_unsafe();
  return true;
}

std::int64_t saturated(double seconds) noexcept {
  constexpr double kTooLarge = 0x1p63;
  if (seconds >= kTooLarge) return std::numeric_limits<std::int64_t>::max();
  if (seconds < -kTooLarge) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(seconds);
}

// false: it is there and no number. `round` is for fractions.
bool take_time(object object, std::string_view name, double (*round)(double),
               std::optional<std::int64_t>& out) noexcept {
  const auto found = member(object, name);
  if (!found) return true;
  switch (found->type()) {
    case element_type::INT64: out = found->get_int64().value_unsafe(); return true;
    case element_type::UINT64: out = std::numeric_limits<std::int64_t>::max(); return true;
    case element_type::DOUBLE: out = saturated(round(found->get_double().value_unsafe())); return true;
    default: return false;
  }
}

bool audience_well_formed(object object) noexcept {
  const auto aud = member(object, "aud");
  if (!aud || aud->is_string()) return true;
  if (!aud->is_array()) return false;
  for (element each : aud->get_array().value_unsafe())
    if (!each.is_string()) return false;
  return true;
}

double down(double value) noexcept { return std::floor(value); }
double up(double value) noexcept { return std::ceil(value); }

}  // namespace

struct TokenReader::Scratch {
  JsonDocument header;
  JsonDocument claims;
  std::vector<char> signature;
};

TokenReader::TokenReader(TokenLimits limits) : scratch_(std::make_unique<Scratch>()), limits_(limits) {}
TokenReader::~TokenReader() = default;
TokenReader::TokenReader(TokenReader&&) noexcept = default;
TokenReader& TokenReader::operator=(TokenReader&&) noexcept = default;

std::expected<Token, Fault> TokenReader::read_signed(std::string_view compact) {
  if (compact.size() > limits_.max_bytes) return std::unexpected(Fault::too_large);
  const auto parts = split(compact);
  if (!parts) return std::unexpected(Fault::malformed);
  const auto& [header, payload, signature] = *parts;

  JsonDocument& json = scratch_->header;
  const auto header_size = base64url_decode(header, json.buffer(header.size()));
  const auto payload_size = base64url_decode(payload, scratch_->claims.buffer(payload.size()));
  if (scratch_->signature.size() < signature.size()) scratch_->signature.resize(signature.size());
  const auto signature_size = base64url_decode(signature, scratch_->signature.data());
  if (!header_size || !payload_size || !signature_size || !json.parse_buffer(*header_size))
    return std::unexpected(Fault::malformed);

  Token token;
  const object root = json.root();
  std::optional<std::string_view> alg;
  std::optional<std::string_view> typ;
  if (!take_text(root, "alg", alg) || !take_text(root, "kid", token.kid_) || !take_text(root, "typ", typ) ||
      !alg)
    return std::unexpected(Fault::malformed);
  const auto algorithm = algorithm_named(*alg);
  if (!algorithm) return std::unexpected(Fault::unsupported_algorithm);
  if (member(root, "crit") || member(root, "b64")) return std::unexpected(Fault::critical_header);

  token.algorithm_ = *algorithm;
  token.typ_ = typ.value_or(std::string_view());
  token.signing_input_ = compact.substr(0, header.size() + 1 + payload.size());
  token.signature_ = {scratch_->signature.data(), *signature_size};
  token.payload_ = scratch_->claims.text(*payload_size);
  return token;
}

std::expected<Token, Fault> TokenReader::read_any_payload(std::string_view compact) {
  return read_signed(compact);
}

std::expected<Token, Fault> TokenReader::read(std::string_view compact) {
  auto token = read_signed(compact);
  if (!token) return token;
  JsonDocument& json = scratch_->claims;
  if (!json.parse_buffer(token->payload_.size())) return std::unexpected(Fault::malformed);

  const object root = json.root();
  Claims& claims = token->claims_;
  claims.document_ = &json;
  const bool well_formed =
      take_text(root, "iss", claims.issuer_) && take_text(root, "sub", claims.subject_) &&
      audience_well_formed(root) && take_time(root, "exp", down, claims.expires_) &&
      take_time(root, "nbf", up, claims.not_before_) && take_time(root, "iat", up, claims.issued_at_);
  if (!well_formed) return std::unexpected(Fault::malformed);
  claims.bound_ = member(root, "cnf").has_value();
  return token;
}

}  // namespace gatehouse::jose
