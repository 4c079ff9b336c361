#include "http/header.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include "http/characters.h"

namespace gatehouse::http {
namespace {

using enum HeaderId;

constexpr unsigned kPerHop = kHopByHop | kNotInTrailers;
// What a client says about where it comes from: ours replaces it, unless the peer is a trusted proxy.
constexpr unsigned kProvenance = kSetByGateway | kForwarding | kNotInTrailers;

constexpr HeaderInfo info(HeaderId id, std::string_view name, unsigned policy) {
  return {id, name, static_cast<std::uint8_t>(policy)};
}

// The one place that says what a proxy does with a name.
constexpr std::array kInfos = {
    info(other, "", 0),
    info(host, "host", kSetByGateway | kNotInConnection | kNotInTrailers),
    info(connection, "connection", kPerHop | kSetByGateway),
    info(keep_alive, "keep-alive", kPerHop),
    info(proxy_connection, "proxy-connection", kPerHop),
    info(transfer_encoding, "transfer-encoding", kPerHop | kFraming | kSetByGateway | kNotInConnection),
    info(te, "te", kPerHop),
    info(trailer, "trailer", kPerHop),
    info(upgrade, "upgrade", kPerHop),
    info(content_length, "content-length", kFraming | kSetByGateway | kNotInConnection | kNotInTrailers),
    info(expect, "expect", kNotInTrailers),
    info(via, "via", kNotInTrailers),
    info(server, "server", kNotInTrailers),
    info(date, "date", kNotInTrailers),
    info(forwarded, "forwarded", kProvenance),
    info(x_forwarded_for, "x-forwarded-for", kProvenance),
    info(x_forwarded_proto, "x-forwarded-proto", kProvenance),
    info(x_forwarded_host, "x-forwarded-host", kProvenance),
    info(x_forwarded_port, "x-forwarded-port", kProvenance),
    info(x_forwarded_other, "x-forwarded-", kProvenance),
    info(x_real_ip, "x-real-ip", kProvenance),
    info(x_original_url, "x-original-url", kProvenance),
    info(x_rewrite_url, "x-rewrite-url", kProvenance),
    info(proxy, "proxy", kProvenance),
    info(x_request_id, "x-request-id", kProvenance),
    info(traceparent, "traceparent", kNotInTrailers),
    info(tracestate, "tracestate", kNotInTrailers),
    info(authorization, "authorization", kNotInConnection | kNotInTrailers),
    info(proxy_authorization, "proxy-authorization", kPerHop),
    info(proxy_authenticate, "proxy-authenticate", kPerHop),
    info(cookie, "cookie", kNotInConnection | kNotInTrailers),
    info(set_cookie, "set-cookie", kNotInTrailers),
    info(content_type, "content-type", kNotInTrailers),
    info(content_encoding, "content-encoding", kNotInTrailers),
    info(accept, "accept", kNotInTrailers),
    info(accept_encoding, "accept-encoding", kNotInTrailers),
    info(user_agent, "user-agent", kNotInTrailers),
    info(referer, "referer", kNotInTrailers),
    info(origin, "origin", kNotInTrailers),
    info(location, "location", kNotInTrailers),
    info(retry_after, "retry-after", kNotInTrailers),
    info(allow, "allow", kNotInTrailers),
    info(cache_control, "cache-control", kNotInTrailers),
    info(etag, "etag", 0),  // RFC 9110 section 8.8.3 allows it in trailers
    info(last_modified, "last-modified", kNotInTrailers),
    info(vary, "vary", kNotInTrailers),
    info(age, "age", kNotInTrailers),
    info(range, "range", kNotInTrailers),
};

constexpr auto kCount = static_cast<std::size_t>(last_);
static_assert(kInfos.size() == kCount);
static_assert([] {
  for (std::size_t i = 0; i < kCount; ++i)
    if (static_cast<std::size_t>(kInfos[i].id) != i) return false;
  return true;
}());

// A name of 2 to 24 bytes as at most three words that overlap where it is shorter: one multiplication finds
// its slot, three comparisons prove it. The words are little-endian by construction, whatever the machine is.
struct Words {
  std::uint64_t first = 0, middle = 0, last = 0;
};
constexpr std::size_t kShortest = 2;
constexpr std::size_t kLongest = 24;
constexpr std::string_view kForwardedPrefix = "x-forwarded-";

template <class Word>
constexpr Word load(const char* p) noexcept {
  if consteval {
    Word w = 0;
    for (std::size_t i = 0; i < sizeof(Word); ++i)
      w |= static_cast<Word>(static_cast<Word>(static_cast<unsigned char>(p[i])) << (8 * i));
    return w;
  } else {
    Word w;
    std::memcpy(&w, p, sizeof w);
    if constexpr (std::endian::native == std::endian::big) w = std::byteswap(w);
    return w;
  }
}

// `p` has `n` bytes, kShortest <= n <= kLongest.
constexpr Words words_of(const char* p, std::size_t n) noexcept {
  if (n >= 8) {
    return {load<std::uint64_t>(p), load<std::uint64_t>(p + std::min<std::size_t>(8, n - 8)),
            load<std::uint64_t>(p + n - 8)};
  }
  if (n >= 4) return {load<std::uint32_t>(p), 0, load<std::uint32_t>(p + n - 4)};
  return {load<std::uint16_t>(p), 0, load<std::uint16_t>(p + n - 2)};
}

constexpr std::uint64_t kAnyCase = 0x2020202020202020;

constexpr std::size_t kSlots = 256;
constexpr std::size_t slot_of(const Words& w, std::size_t n, std::uint64_t factor) noexcept {
  std::uint64_t mixed = ((w.first | kAnyCase) ^ std::rotl(w.last | kAnyCase, 23)) + n;
  return static_cast<std::size_t>(mixed * factor >> 56);
}

// `mask` clears the bit that makes the case, for the letters of the name only: '-' must match exactly. A
// cache line each.
struct alignas(64) Entry {
  Words masked;
  Words mask;
  std::size_t size = 0;
  HeaderId id = other;
};

constexpr Entry entry_of(const HeaderInfo& h) {
  std::array<char, kLongest> bits{};
  for (std::size_t i = 0; i < h.name.size(); ++i)
    bits[i] = static_cast<char>(h.name[i] >= 'a' && h.name[i] <= 'z' ? 0xdf : 0xff);
  const Words mask = words_of(bits.data(), h.name.size());
  const Words words = words_of(h.name.data(), h.name.size());
  return {{words.first & mask.first, words.middle & mask.middle, words.last & mask.last},
          mask,
          h.name.size(),
          h.id};
}

constexpr bool hashed(HeaderId id) { return id != other && id != x_forwarded_other; }

constexpr bool separates(std::uint64_t factor) {
  std::array<bool, kSlots> taken{};
  for (const HeaderInfo& h : kInfos) {
    if (!hashed(h.id)) continue;
    std::size_t s = slot_of(words_of(h.name.data(), h.name.size()), h.name.size(), factor);
    if (taken[s]) return false;
    taken[s] = true;
  }
  return true;
}

// Found by the compiler, so that a new name needs no new constant.
constexpr std::uint64_t kFactor = [] {
  std::uint64_t factor = 0x9e3779b97f4a7c15;
  while (!separates(factor)) factor = factor * 6364136223846793005 + 1442695040888963407;
  return factor;
}();

constexpr std::array<Entry, kCount> kEntries = [] {
  std::array<Entry, kCount> entries{};
  for (std::size_t i = 1; i < kCount; ++i) entries[i] = entry_of(kInfos[i]);
  return entries;
}();

constexpr std::array<std::uint8_t, kSlots> kSlotIds = [] {
  std::array<std::uint8_t, kSlots> slots{};
  for (const HeaderInfo& h : kInfos) {
    if (hashed(h.id))
      slots[slot_of(words_of(h.name.data(), h.name.size()), h.name.size(), kFactor)] =
          static_cast<std::uint8_t>(h.id);
  }
  return slots;
}();

static_assert(std::ranges::all_of(kInfos, [](const HeaderInfo& h) {
  return !hashed(h.id) || (h.name.size() >= kShortest && h.name.size() <= kLongest);
}));

bool begins_forwarded(std::string_view name) noexcept {
  return name.size() > kForwardedPrefix.size() && to_lower(name[0]) == 'x' && name[1] == '-' &&
         iequals(name.substr(0, kForwardedPrefix.size()), kForwardedPrefix);
}

}  // namespace

HeaderId header_id(std::string_view name) noexcept {
  const std::size_t n = name.size();
  if (n >= kShortest && n <= kLongest) [[likely]] {
    const Words w = words_of(name.data(), n);
    const Entry& e = kEntries[kSlotIds[slot_of(w, n, kFactor)]];
    std::uint64_t difference = n ^ e.size;
    difference |= (w.first & e.mask.first) ^ e.masked.first;
    difference |= (w.middle & e.mask.middle) ^ e.masked.middle;
    difference |= (w.last & e.mask.last) ^ e.masked.last;
    if (difference == 0) return e.id;
  }
  return begins_forwarded(name) ? x_forwarded_other : other;
}

const HeaderInfo& header_info(HeaderId id) noexcept {
  auto i = static_cast<std::size_t>(id);
  return kInfos[i < kCount ? i : 0];
}

bool iequals(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  if (a == b) return true;  // nearly always, if at all
  for (std::size_t i = 0; i < a.size(); ++i)
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  return true;
}

bool folds_to(std::string_view received, std::string_view canonical) noexcept {
  if (received.size() != canonical.size()) return false;
  for (std::size_t i = 0; i < received.size(); ++i) {
    char a = received[i];
    char b = canonical[i];
    if (is(a, kAlnum) || is(b, kAlnum)) {
      if (to_lower(a) != to_lower(b)) return false;
    }
  }
  return true;
}

HeaderId folded_id(std::string_view received) noexcept {
  auto plain = [](char c) { return is(c, kAlnum) || c == '-'; };
  if (std::ranges::all_of(received, plain)) return header_id(received);
  // A prefix is enough: what lies beyond the longest known name can only matter for X-Forwarded-*.
  std::array<char, kLongest + 1> folded;
  const std::size_t n = std::min(received.size(), folded.size());
  for (std::size_t i = 0; i < n; ++i) folded[i] = plain(received[i]) ? received[i] : '-';
  return header_id({folded.data(), n});
}

bool HeaderTable::grow() {
  static_assert(std::is_trivially_copyable_v<Header>);
  if (size_ >= kMaxFields) return false;
  const std::uint32_t capacity = capacity_ ? capacity_ * 2 : 32;
  void* memory = arena_->allocate(capacity * sizeof(Header), alignof(Header));
  if (size_) std::memcpy(memory, fields_, size_ * sizeof(Header));
  fields_ = static_cast<Header*>(memory);
  capacity_ = capacity;
  return true;
}

const Header* HeaderTable::find(HeaderId id) const noexcept {
  if (!(seen_ >> static_cast<unsigned>(id) & 1U)) return nullptr;
  const Header* h = std::find_if(begin(), end(), [id](const Header& f) { return f.id == id; });
  return h == end() ? nullptr : h;
}

const Header* HeaderTable::find(std::string_view name) const noexcept {
  const HeaderId id = header_id(name);
  if (hashed(id)) return find(id);
  const Header* h =
      std::find_if(begin(), end(), [&](const Header& f) { return f.id == id && iequals(f.name, name); });
  return h == end() ? nullptr : h;
}

std::size_t HeaderTable::remove(HeaderId id) noexcept {
  if (!(seen_ >> static_cast<unsigned>(id) & 1U)) return 0;
  seen_ &= ~(std::uint64_t{1} << static_cast<unsigned>(id));
  return remove_if([id](const Header& h) { return h.id == id; });
}

std::size_t HeaderTable::remove(std::string_view name) noexcept {
  const HeaderId id = header_id(name);
  if (hashed(id)) return remove(id);
  return remove_if([&](const Header& h) { return h.id == id && iequals(h.name, name); });
}

void HeaderTable::set(HeaderId id, std::string_view value) {
  remove(id);
  add(id, value);
}

void HeaderTable::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

void remove_hop_by_hop(HeaderTable& headers) noexcept {
  // One Connection field after the other is taken out, then what it names: places in the table change
  // meanwhile, views of its bytes do not. A Connection that names itself must not take the next one away
  // unread.
  while (const Header* first = headers.find(connection)) {
    const std::string_view value = first->value;
    bool found = false;
    headers.remove_if([&](const Header& h) { return h.id == connection && !std::exchange(found, true); });
    for_each_list_item(value, [&](std::string_view name) {
      if (header_id(name) != connection) headers.remove(name);
    });
  }
  headers.remove_if([](const Header& h) { return (header_info(h.id).policy & kHopByHop) != 0; });
}

}  // namespace gatehouse::http
