// A compiled list of changes to a header table. Immutable; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/spec.h"
#include "http/header.h"

namespace gatehouse::filters {

enum class Direction : std::uint8_t { request, response };

class HeaderEdits {
 public:
  explicit HeaderEdits(Direction direction) noexcept : direction_(direction) {}

  // What of `ops` can be done is added; the rest goes to `diagnostics`, as errors at `at`. Values are never
  // quoted: they may be secrets.
  void add(const config::HeaderOps& ops, const config::Location& at, config::Diagnostics& diagnostics);

  bool empty() const noexcept { return edits_.empty(); }
  // The table then holds views of this object.
  void apply(http::HeaderTable& headers) const;

 private:
  struct Edit {
    bool remove;  // what is there under the name
    bool write;   // the value
    http::HeaderId id;
    std::string name;
    std::string value;
  };
  bool check_name(const std::string& name, const config::Location& at,
                  config::Diagnostics& diagnostics) const;
  bool check(const config::HeaderOps::Item& item, const config::Location& at,
             config::Diagnostics& diagnostics) const;

  Direction direction_;
  std::vector<Edit> edits_;
};

}  // namespace gatehouse::filters
