// What a token says (RFC 7519 section 4).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>

namespace gatehouse::jose {

class JsonDocument;

// Views of the TokenReader's memory: they end with its next read. Strings are unescaped, may hold NUL, and
// are valid UTF-8. Nothing here allocates.
class Claims {
 public:
  [[nodiscard]] std::optional<std::string_view> issuer() const noexcept { return issuer_; }
  [[nodiscard]] std::optional<std::string_view> subject() const noexcept { return subject_; }
  // Whether `aud` is that, or a list that holds it. false where there is none.
  [[nodiscard]] bool has_audience(std::string_view audience) const noexcept;

  // Seconds since 1970. Fractions are rounded to the side that makes the token valid for less: down for
  // expires(), up for the others. What int64 does not hold saturates.
  [[nodiscard]] std::optional<std::int64_t> expires() const noexcept { return expires_; }
  [[nodiscard]] std::optional<std::int64_t> not_before() const noexcept { return not_before_; }
  [[nodiscard]] std::optional<std::int64_t> issued_at() const noexcept { return issued_at_; }

  // Whether there is a `cnf`, whatever is in it.
  [[nodiscard]] bool bound() const noexcept { return bound_; }

  // Calls f(std::string_view) for each value of the claim `path`: the member of exactly that name, else a way
  // with dots into objects (`realm_access.roles`; a name may hold dots itself). A list gives each of its
  // elements; numbers and booleans give their JSON text, a fraction its shortest; null, objects and lists in
  // lists give nothing. The string `scope` (RFC 8693 section 4.2) is split at its spaces. A view lives until
  // f returns.
  template <class F>
  void each(std::string_view path, F&& f) const {
    visit(
        path,
        [](void* context, std::string_view text) {
          (*static_cast<std::remove_reference_t<F>*>(context))(text);
        },
        const_cast<void*>(static_cast<const void*>(std::addressof(f))));
  }

 private:
  friend class TokenReader;
  using Visitor = void (*)(void*, std::string_view);
  void visit(std::string_view path, Visitor visitor, void* context) const;

  const JsonDocument* document_ = nullptr;
  std::optional<std::string_view> issuer_;
  std::optional<std::string_view> subject_;
  std::optional<std::int64_t> expires_;
  std::optional<std::int64_t> not_before_;
  std::optional<std::int64_t> issued_at_;
  bool bound_ = false;
};

}  // namespace gatehouse::jose
