// What of a token is kept: the user, and the claims that the configuration asks for anywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "config/spec.h"
#include "gateway/condition.h"
#include "jose/claims.h"

namespace gatehouse::filters {

// The claims that conditions and headers of a configuration name, and how they are called there. Immutable.
struct AskedClaims {
  std::vector<std::string> names;  // `org`; sorted, each once
  std::vector<std::string> keys;   // `user`, then `claim.org`, ...: of names[i] it is keys[i + 1]

  static AskedClaims of(const config::Spec& spec);
};

// Attributes as one text that can be copied: their number, a head for each (key, size), then the values.
// Scratch of one worker; a view of it lives until the next `begin`.
class AttributeWriter {
 public:
  void begin() noexcept {
    heads_.clear();
    values_.clear();
  }
  // `key`: an index of AskedClaims::keys.
  void add(std::size_t key, std::string_view value) { add(key, {}, value); }
  void add(std::size_t key, std::string_view prefix, std::string_view value);
  std::string_view finish();

 private:
  std::vector<std::uint32_t> heads_;  // in pairs
  std::string values_;
  std::string whole_;
};

// The user is the one value of claim `user_claim`, behind `prefix`; then what `asked` asks for. False: there
// is no such value, or more than one.
bool write_attributes(const jose::Claims& claims, std::string_view user_claim, std::string_view prefix,
                      const AskedClaims& asked, AttributeWriter& writer);

// `text`: of AttributeWriter::finish, for the same `asked`, whose keys the attributes are views of. The
// values are copied.
std::span<const gateway::Attribute> read_attributes(std::string_view text, const AskedClaims& asked,
                                                    Arena& arena);

}  // namespace gatehouse::filters
