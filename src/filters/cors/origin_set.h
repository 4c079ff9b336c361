// The origins of a `cors`. Immutable; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/spec.h"

namespace gatehouse::filters {

class OriginSet {
 public:
  // Longer ones are in no set: a scheme, a host of 253 bytes and a port need less.
  static constexpr std::size_t kLongest = 320;

  OriginSet() = default;
  explicit OriginSet(std::span<const config::OriginPattern> patterns);

  bool every() const noexcept { return every_; }
  // `origin` as a browser writes it: its bytes decide. A look-up, and a comparison for each wildcard.
  bool contains(std::string_view origin) const noexcept;

 private:
  struct Below {
    std::string scheme;  // with `://`
    std::string host;    // with its leading dot and its port
  };
  bool every_ = false;
  std::vector<std::string> exact_;  // sorted
  std::vector<Below> below_;
};

}  // namespace gatehouse::filters
