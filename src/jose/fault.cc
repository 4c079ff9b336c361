#include "jose/fault.h"

#include <array>

namespace gatehouse::jose {

namespace {

struct FaultInfo {
  Fault fault;
  std::string_view label;
  std::string_view text;
  bool final;
};

constexpr std::array<FaultInfo, kFaults> kInfo = {{
    {Fault::malformed, "malformed", "the token is not well-formed", true},
    {Fault::too_large, "too_large", "the token is too large", true},
    {Fault::unsupported_algorithm, "unsupported_algorithm", "the token's algorithm is not supported", true},
    {Fault::algorithm_not_allowed, "algorithm_not_allowed", "the token's algorithm is not allowed here",
     true},
    {Fault::critical_header, "critical_header", "the token demands an extension that is not supported", true},
    {Fault::wrong_type, "wrong_type", "the token is of another type", true},
    {Fault::wrong_issuer, "wrong_issuer", "the token is from another issuer", true},
    {Fault::wrong_audience, "wrong_audience", "the token is for another audience", true},
    {Fault::no_expiry, "no_expiry", "the token does not say when it expires", true},
    {Fault::expired, "expired", "the token has expired", true},
    {Fault::not_yet_valid, "not_yet_valid", "the token is not valid yet", false},
    {Fault::bound_to_sender, "bound_to_sender", "the token is bound to a key of its sender", true},
    {Fault::unknown_key, "unknown_key", "the token is signed with an unknown key", false},
    {Fault::bad_signature, "bad_signature", "the token's signature is not valid", false},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kInfo.size(); ++i)
    if (kInfo[i].fault != static_cast<Fault>(i)) return false;
  return true;
}
static_assert(in_order());

const FaultInfo& info(Fault fault) noexcept { return kInfo[static_cast<std::size_t>(fault)]; }

}  // namespace

std::string_view text_of(Fault fault) noexcept { return info(fault).text; }
std::string_view label_of(Fault fault) noexcept { return info(fault).label; }
bool is_final(Fault fault) noexcept { return info(fault).final; }

}  // namespace gatehouse::jose
