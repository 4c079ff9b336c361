#include "filters/access/address_set.h"

#include <algorithm>
#include <iterator>

namespace gatehouse::filters {

AddressSet::AddressSet(std::span<const config::Cidr> blocks) {
  std::vector<Range> all;
  for (const config::Cidr& block : blocks) {
    Range r{{block.address}, {block.address}};
    for (unsigned i = 0; i < 16; ++i) {
      const unsigned fixed = std::clamp(block.bits, std::uint8_t(8 * i), std::uint8_t(8 * (i + 1))) - 8 * i;
      const auto host = static_cast<std::uint8_t>(0xffU >> fixed);
      r.first.bytes[i] = static_cast<std::uint8_t>(r.first.bytes[i] & ~host);
      r.last.bytes[i] |= host;
    }
    all.push_back(r);
  }
  std::ranges::sort(all, {}, &Range::first);
  for (const Range& r : all) {
    if (!ranges_.empty() && r.first <= ranges_.back().last)
      ranges_.back().last = std::max(ranges_.back().last, r.last);
    else
      ranges_.push_back(r);
  }
}

bool AddressSet::contains(const IpAddress& ip) const noexcept {
  auto after = std::ranges::upper_bound(ranges_, ip, {}, &Range::first);
  return after != ranges_.begin() && ip <= std::prev(after)->last;
}

}  // namespace gatehouse::filters
