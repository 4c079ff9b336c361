// Which credentials of a request count: the one place where methods are looked for, in the order of rule 7
// (Authorization, API key). The first that is there decides alone; what else the request carries is not
// looked at. A new method is a file of its own, a Method and a line in `credentials_of`.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "filters/auth/auth_policy.h"
#include "http/message.h"

namespace gatehouse::filters {

struct Credentials {
  enum class Method : std::uint8_t { none, bearer_token, api_key };
  Method method = Method::none;
  std::string_view value{};  // of the request, or in the arena
};

// Error: two of one kind, or a scheme that is none of ours.
Result<Credentials> credentials_of(const AuthPolicy& policy, const http::RequestHead& request, Arena& arena);

}  // namespace gatehouse::filters
