// What one route lets in. Immutable; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/spec.h"
#include "filters/access/address_set.h"

namespace gatehouse::filters {

class AccessRule {
 public:
  void add(const config::ServiceSpec& service);
  bool empty() const noexcept { return services_.empty(); }

  // Why a request is refused; nullopt = it is let in. `detail` is static.
  struct Refused {
    Errc code;
    std::string_view detail;
  };
  std::optional<Refused> judge(std::string_view listener, const IpAddress& client) const noexcept;

 private:
  struct Service {
    std::vector<std::string> only;
    AddressSet allow;
    AddressSet deny;
  };
  std::vector<Service> services_;
};

}  // namespace gatehouse::filters
