// A JWT as a compact JWS (RFC 7515 section 7.1, RFC 7519), taken apart and not yet believed.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string_view>

#include "jose/algorithm.h"
#include "jose/claims.h"
#include "jose/fault.h"

namespace gatehouse::jose {

// Views of its reader's memory and of the text that was read: they end with the reader's next read, its
// destruction, or that text. Whatever a token brings along as a key (`jwk`, `jku`, `x5c`, `x5u`) is ignored.
class Token {
 public:
  [[nodiscard]] Algorithm algorithm() const noexcept { return algorithm_; }
  [[nodiscard]] std::optional<std::string_view> kid() const noexcept { return kid_; }
  [[nodiscard]] std::string_view typ() const noexcept { return typ_; }  // empty: it has none
  [[nodiscard]] std::string_view signing_input() const noexcept { return signing_input_; }
  [[nodiscard]] std::string_view signature() const noexcept { return signature_; }  // bytes
  [[nodiscard]] std::string_view payload() const noexcept { return payload_; }      // JSON, decoded
  [[nodiscard]] const Claims& claims() const noexcept { return claims_; }

 private:
  friend class TokenReader;
  Algorithm algorithm_{};
  std::optional<std::string_view> kid_;
  std::string_view typ_;
  std::string_view signing_input_;
  std::string_view signature_;
  std::string_view payload_;
  Claims claims_;
};

struct TokenLimits {
  std::size_t max_bytes = std::size_t{16} * 1024;
};

// The scratch memory of one thread: some 15 bytes for each of the largest token that it has read. Move-only.
class TokenReader {
 public:
  explicit TokenReader(TokenLimits limits = {});
  ~TokenReader();
  TokenReader(TokenReader&&) noexcept;
  TokenReader& operator=(TokenReader&&) noexcept;

  // malformed, too_large, unsupported_algorithm or critical_header; the rest of Fault needs check_claims()
  // and verify(). Strict: three parts of base64url in its only spelling, header and payload each one JSON
  // object in UTF-8, nested to at most 16, no member twice at any depth, nothing behind it. An integer that
  // 64 bits do not hold is malformed. Allocates only for a token that is larger than all before.
  std::expected<Token, Fault> read(std::string_view compact);

  // The same for a JWS whose payload is anything (RFC 7515): it makes no claims, so check_claims() never
  // passes.
  std::expected<Token, Fault> read_any_payload(std::string_view compact);

 private:
  struct Scratch;
  std::expected<Token, Fault> read_signed(std::string_view compact);
  std::unique_ptr<Scratch> scratch_;
  TokenLimits limits_;
};

}  // namespace gatehouse::jose
