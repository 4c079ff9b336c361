// `auth.send`: the headers that tell a service who is asking. Immutable; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "config/spec.h"
#include "gateway/identity.h"
#include "http/header.h"

namespace gatehouse::filters {

// `text` as a header's value: what is not printable ASCII, '%', and blanks at an end are %-encoded, so a
// service gets the text back by decoding it, and nobody writes a header of his own through a claim. With
// `item` commas are encoded too. A view of `text` where nothing has to be.
std::string_view header_value(std::string_view text, bool item, Arena& arena);

class IdentityHeaders {
 public:
  IdentityHeaders() = default;
  explicit IdentityHeaders(const std::vector<config::SendItem>& items);

  bool remove_authorization() const noexcept { return remove_authorization_; }
  // A claim with several values is one field, `a, b`; a comma within a value is encoded, in a list of one
  // too, so that a service can always split it. A claim that is not there gives no header. The names are
  // reserved: no client can have set them. False: there is no room for more fields.
  bool add(const gateway::Identity& identity, http::HeaderTable& headers, Arena& arena) const;

 private:
  struct Item {
    http::HeaderId id;
    std::string header;
    config::SendItem::From from;
    std::string key;  // of the attribute
  };
  std::vector<Item> items_;
  bool remove_authorization_ = false;
};

}  // namespace gatehouse::filters
