// A set of addresses, made of CIDR blocks. Immutable; a question costs the logarithm of the number of blocks.
#pragma once

#include <span>
#include <vector>

#include "base/ip.h"
#include "config/spec.h"

namespace gatehouse::filters {

class AddressSet {
 public:
  AddressSet() = default;
  explicit AddressSet(std::span<const config::Cidr> blocks);
  bool contains(const IpAddress& ip) const noexcept;
  bool empty() const noexcept { return ranges_.empty(); }

 private:
  struct Range {
    IpAddress first;
    IpAddress last;
  };
  std::vector<Range> ranges_;  // sorted, disjoint
};

}  // namespace gatehouse::filters
