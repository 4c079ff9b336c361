// Header names as tokens, and the table of a message's header fields.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>

#include "base/arena.h"

namespace gatehouse::http {

// Names that the gateway itself has an opinion about. `header_info` holds what it does with each.
enum class HeaderId : std::uint8_t {
  other,
  host,
  connection,
  keep_alive,
  proxy_connection,
  transfer_encoding,
  te,
  trailer,
  upgrade,
  content_length,
  expect,
  via,
  server,
  date,
  forwarded,
  x_forwarded_for,
  x_forwarded_proto,
  x_forwarded_host,
  x_forwarded_port,
  x_forwarded_other,  // any other X-Forwarded-*
  x_real_ip,
  x_original_url,
  x_rewrite_url,
  proxy,
  x_request_id,
  traceparent,
  tracestate,
  authorization,
  proxy_authorization,
  proxy_authenticate,
  cookie,
  set_cookie,
  content_type,
  content_encoding,
  accept,
  accept_encoding,
  user_agent,
  referer,
  origin,
  location,
  retry_after,
  allow,
  cache_control,
  etag,
  last_modified,
  vary,
  age,
  range,
  last_,
};

// What a proxy does with a name; bits.
enum HeaderPolicy : std::uint8_t {
  kHopByHop = 1,          // never forwarded (RFC 9110 section 7.6.1)
  kFraming = 2,           // the codec writes it itself
  kSetByGateway = 4,      // what a client sends under this name, in any spelling, is removed from requests
  kForwarding = 8,        // believed from trusted proxies only
  kNotInConnection = 16,  // `Connection` naming it is a 400
  kNotInTrailers = 32,
};

struct HeaderInfo {
  HeaderId id;
  std::string_view name;  // lower case
  std::uint8_t policy;
};

// Case-insensitive; `other` for what is not in the table. No allocation; cost independent of the table's
// size.
HeaderId header_id(std::string_view name) noexcept;
const HeaderInfo& header_info(HeaderId id) noexcept;

// ASCII case-insensitive equality.
bool iequals(std::string_view a, std::string_view b) noexcept;

// Could a service fold the name `received` to `canonical`? CGI and its descendants turn every character that
// is not a letter or a digit into '_', so `X_Forwarded.For` reaches a program under the same name as
// `X-Forwarded-For`. Case-insensitive, each non-alphanumeric character is like any other.
bool folds_to(std::string_view received, std::string_view canonical) noexcept;
// The same question asked of the whole table at once: the id of the known name that `received` may be folded
// to. Equal to header_id for names of letters, digits and '-'.
HeaderId folded_id(std::string_view received) noexcept;

// Calls `each(item)` for every non-empty item of a comma-separated list, without surrounding whitespace (RFC
// 9110 section 5.6.1). For lists of tokens: a quoted comma is not understood.
template <class F>
void for_each_list_item(std::string_view list, F each) {
  while (!list.empty()) {
    std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(item.size() == list.size() ? list.size() : item.size() + 1);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (!item.empty()) each(item);
  }
}

// One field. Views: the owner of the message holds the bytes.
struct Header {
  std::string_view name;   // as received; compare with iequals or by id
  std::string_view value;  // without surrounding whitespace
  HeaderId id = HeaderId::other;
};

// The fields of one message in order, in arena memory. At most kMaxFields.
class HeaderTable {
 public:
  static constexpr std::size_t kMaxFields = 256;

  explicit HeaderTable(Arena& arena) noexcept : arena_(&arena) {}

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  Header* begin() noexcept { return fields_; }
  Header* end() noexcept { return fields_ + size_; }
  const Header* begin() const noexcept { return fields_; }
  const Header* end() const noexcept { return fields_ + size_; }

  void add(const Header& h) {  // beyond kMaxFields it is ignored: the parser refuses such messages before
    if (size_ == capacity_ && !grow()) [[unlikely]]
      return;
    new (fields_ + size_) Header(h);
    ++size_;
    seen_ |= std::uint64_t{1} << static_cast<unsigned>(h.id);
  }
  void add(HeaderId id, std::string_view value) { add(Header{header_info(id).name, value, id}); }
  void add(std::string_view name, std::string_view value) { add(Header{name, value, header_id(name)}); }

  const Header* find(HeaderId id) const noexcept;            // first, or nullptr; not for `other`
  const Header* find(std::string_view name) const noexcept;  // first, or nullptr
  std::string_view value(HeaderId id) const noexcept {       // empty if absent
    const Header* h = find(id);
    return h ? h->value : std::string_view{};
  }
  bool has(HeaderId id) const noexcept { return seen_ >> static_cast<unsigned>(id) & 1U && find(id); }

  // Removes all of that name; keeps the order of the rest. Returns how many.
  std::size_t remove(HeaderId id) noexcept;
  std::size_t remove(std::string_view name) noexcept;
  void set(HeaderId id, std::string_view value);  // remove, then add
  void set(std::string_view name, std::string_view value);
  template <class Predicate>
  std::size_t remove_if(Predicate p) noexcept {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < size_; ++i)
      if (!p(static_cast<const Header&>(fields_[i]))) fields_[kept++] = fields_[i];
    std::size_t removed = size_ - kept;
    size_ = static_cast<std::uint32_t>(kept);
    return removed;
  }

 private:
  static_assert(static_cast<unsigned>(HeaderId::last_) <= 64);
  bool grow();
  Arena* arena_;
  Header* fields_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint64_t seen_ = 0;  // bit per id that was ever added: a fast "no"
};

// Removes what belongs to one connection only: the hop-by-hop fields and every field that `Connection` names
// (RFC 9110 section 7.6.1). The readers have refused a Connection that names what it must not.
void remove_hop_by_hop(HeaderTable& headers) noexcept;

}  // namespace gatehouse::http
