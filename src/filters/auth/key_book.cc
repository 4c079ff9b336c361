#include "filters/auth/key_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json_text.h"
#include "jose/base64url.h"
#include "jose/json_document.h"

namespace gatehouse::filters {
namespace {

constexpr std::size_t kShownName = 64;  // characters of a kid in a line of the log
constexpr std::size_t kThumbprint = 43;

std::int64_t milliseconds(WallTime t) { return t.time_since_epoch() / 1ms; }

bool is_thumbprint(std::string_view text) {
  return text.size() == kThumbprint && jose::base64url_decode(text).has_value();
}

bool has(const std::vector<HeldKey>& list, const jose::Key& key) {
  return std::ranges::any_of(list, [&](const HeldKey& h) { return same_key(h.key, key); });
}

// ---- reading ---------------------------------------------------------------------------------------------

using Object = simdjson::dom::object;

std::optional<std::string_view> text_member(Object o, std::string_view name) {
  std::string_view text;
  if (o.at_key(name).get(text)) return std::nullopt;
  return text;
}

// A moment that has been, in milliseconds since 1970.
std::optional<WallTime> time_member(Object o, std::string_view name, WallTime now) {
  std::int64_t value = 0;
  if (o.at_key(name).get(value) || value < 0) return std::nullopt;
  if (value > milliseconds(now)) return now;
  return WallTime(std::chrono::milliseconds(value));
}

bool has_member(Object o, std::string_view name) {
  simdjson::dom::element ignored;
  return !o.at_key(name).get(ignored);
}

std::optional<HeldKey> read_key(Object o, WallTime now) {
  auto jwk = text_member(o, "jwk");
  if (!jwk) return std::nullopt;
  auto key = jose::Key::from_jwk(*jwk);
  if (!key || key->jwk().empty()) return std::nullopt;
  HeldKey held{std::move(*key), {}};
  if (has_member(o, "removed")) {
    held.removed = time_member(o, "removed", now);
    if (!held.removed) return std::nullopt;
  }
  return held;
}

std::optional<Revocation> read_revocation(Object o, WallTime now) {
  auto thumbprint = text_member(o, "thumbprint");
  auto kid = text_member(o, "kid");
  auto by = text_member(o, "by");
  auto at = time_member(o, "at", now);
  if (!thumbprint || !is_thumbprint(*thumbprint) || !kid || !by || !at) return std::nullopt;
  return Revocation{std::string(*thumbprint), std::string(*kid), *at, std::string(*by)};
}

std::unexpected<std::string> torn(std::string_view what) {
  return std::unexpected(fmt::format("`{}` is not as it was written", what));
}

// Every element of the list `name`, as `read` makes it; `lost`: how many it makes nothing of. False: it is no
// such list.
template <class T, class Read>
bool read_list(Object root, std::string_view name, std::size_t most, std::vector<T>& out, Read read,
               std::size_t& lost) {
  simdjson::dom::array list;
  if (root.at_key(name).get(list) || list.size() > most) return false;
  for (simdjson::dom::element element : list) {
    Object o;
    if (element.get(o)) return false;
    if (auto item = read(o)) {
      out.push_back(std::move(*item));
    } else {
      ++lost;
    }
  }
  return true;
}

}  // namespace

std::string thumbprint_text(const jose::Key& key) { return jose::base64url_encode(key.thumbprint()); }

std::string printable(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, kShownName)) out += c >= ' ' && c < 0x7f && c != '`' ? c : '?';
  if (text.size() > kShownName) out += "...";
  return out;
}

std::string name_of(const jose::Key& key) {
  return key.kid().empty() ? thumbprint_text(key) : printable(key.kid());
}

bool same_key(const jose::Key& a, const jose::Key& b) noexcept {
  return a.thumbprint() == b.thumbprint() && a.kid() == b.kid() && a.algorithms() == b.algorithms();
}

void KeyBook::set_terms(Duration keep_removed, std::vector<std::string> revoked) {
  keep_removed_ = keep_removed;
  never_ = std::move(revoked);
}

// Removed ones to the end, the latest first; and no more of them than there is room for.
void KeyBook::order() {
  std::vector<HeldKey> current;
  std::vector<HeldKey> removed;
  for (HeldKey& h : held_) (h.removed ? removed : current).push_back(std::move(h));
  std::ranges::sort(removed, [](const HeldKey& a, const HeldKey& b) {
    if (*a.removed != *b.removed) return *a.removed > *b.removed;
    return std::pair(a.key.thumbprint(), a.key.kid()) < std::pair(b.key.thumbprint(), b.key.kid());
  });
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (HeldKey& h : removed) {
    bytes += h.key.jwk().size();
    if (++count > kMostRemoved || bytes > kMostRemovedBytes) break;
    current.push_back(std::move(h));
  }
  held_ = std::move(current);
}

std::expected<KeyChanges, std::string> KeyBook::take(std::vector<jose::Key> fresh, WallTime now) {
  if (fresh.empty()) return std::unexpected("it has no key that can be used");
  KeyChanges changes;
  std::vector<HeldKey> next;
  next.reserve(fresh.size() + held_.size());
  for (jose::Key& key : fresh) {
    if (has(next, key)) continue;
    auto old = std::ranges::find_if(held_, [&](const HeldKey& h) { return same_key(h.key, key); });
    if (old == held_.end() || old->removed) changes.added.push_back(name_of(key));
    // What was parsed once stays, and with it whatever others know about it.
    next.push_back({old == held_.end() ? std::move(key) : old->key, {}});
  }
  for (HeldKey& old : held_) {
    if (has(next, old.key)) continue;
    if (!old.removed) {
      changes.removed.push_back(name_of(old.key));
      old.removed = now;
    }
    next.push_back(std::move(old));
  }
  held_ = std::move(next);
  fetched_ = now;
  order();
  changes.gone = expire(now).gone;
  return changes;
}

std::optional<WallTime> KeyBook::gone_at(const HeldKey& key) const {
  if (!key.removed || keep_removed_ >= WallTime::max() - *key.removed) return std::nullopt;
  return *key.removed + keep_removed_;
}

KeyChanges KeyBook::expire(WallTime now) {
  KeyChanges changes;
  for (HeldKey& h : held_)
    if (h.removed && *h.removed > now) h.removed = now;  // the clock was set back
  std::erase_if(held_, [&](const HeldKey& h) {
    const auto gone = gone_at(h);
    if (!gone || *gone > now) return false;
    changes.gone.push_back(name_of(h.key));
    return true;
  });
  return changes;
}

std::optional<WallTime> KeyBook::next_change() const {
  std::optional<WallTime> next;
  for (const HeldKey& h : held_)
    if (const auto gone = gone_at(h); gone && (!next || *gone < *next)) next = gone;
  return next;
}

std::vector<jose::Key> KeyBook::in_force() const {
  std::vector<jose::Key> keys;
  keys.reserve(held_.size());
  for (const HeldKey& h : held_)
    if (!revoked(h.key)) keys.push_back(h.key);
  return keys;
}

// ---- revocation ------------------------------------------------------------------------------------------

bool KeyBook::revoked_by_configuration(std::string_view thumbprint) const {
  return std::ranges::find(never_, thumbprint) != never_.end();
}

bool KeyBook::is_revoked(std::string_view thumbprint) const {
  return revoked_by_configuration(thumbprint) ||
         std::ranges::find(revocations_, thumbprint, &Revocation::thumbprint) != revocations_.end();
}

bool KeyBook::revoked(const jose::Key& key) const {
  return (!never_.empty() || !revocations_.empty()) && is_revoked(thumbprint_text(key));
}

std::optional<std::size_t> KeyBook::revoke(std::string_view name, std::string_view by, WallTime now) {
  std::size_t fresh = 0;
  bool found = false;
  const auto before = revocations_.size();
  for (const HeldKey& h : held_) {
    std::string thumbprint = thumbprint_text(h.key);
    if (h.key.kid() != name && thumbprint != name) continue;
    if (std::ranges::find(revocations_, thumbprint, &Revocation::thumbprint) == revocations_.end()) {
      if (revocations_.size() >= kMostRevoked) {  // all of that name, or none
        revocations_.resize(before);
        return std::nullopt;
      }
      if (!is_revoked(thumbprint)) ++fresh;
      revocations_.push_back(
          {std::move(thumbprint), std::string(h.key.kid().substr(0, kLongestKid)), now, std::string(by)});
    }
    found = true;
  }
  if (!found) return std::nullopt;
  return fresh;
}

std::vector<std::string> KeyBook::revoked_kids() const {
  std::vector<std::string> kids;
  for (const HeldKey& h : held_)
    if (revoked(h.key)) kids.emplace_back(h.key.kid());
  for (const Revocation& r : revocations_) kids.push_back(r.kid);
  std::ranges::sort(kids);
  const auto same = std::ranges::unique(kids);
  kids.erase(same.begin(), same.end());
  std::erase_if(kids, [&](const std::string& kid) {
    return kid.empty() || std::ranges::any_of(
                              held_, [&](const HeldKey& h) { return h.key.kid() == kid && !revoked(h.key); });
  });
  return kids;
}

std::size_t KeyBook::unrevoke(std::string_view name) {
  return std::erase_if(revocations_, [&](const Revocation& r) {
    return r.thumbprint == name || r.kid == name.substr(0, kLongestKid);
  });
}

void KeyBook::add_revocations(const std::vector<Revocation>& more) {
  for (const Revocation& r : more) {
    if (revocations_.size() >= kMostRevoked) return;
    if (std::ranges::find(revocations_, r.thumbprint, &Revocation::thumbprint) == revocations_.end())
      revocations_.push_back(r);
  }
}

// ---- the disk --------------------------------------------------------------------------------------------

std::string KeyBook::to_text(std::string_view source) const {
  JsonText json;
  json.begin_object().field("source", source);
  if (fetched_) json.field("fetched", milliseconds(*fetched_));
  json.key("keys").begin_array();
  for (const HeldKey& h : held_) {
    if (h.key.jwk().empty()) continue;
    json.begin_object().field("jwk", h.key.jwk());
    if (h.removed) json.field("removed", milliseconds(*h.removed));
    json.end_object();
  }
  json.end_array().key("revoked").begin_array();
  for (const Revocation& r : revocations_) {
    json.begin_object().field("thumbprint", r.thumbprint).field("kid", r.kid);
    json.field("at", milliseconds(r.at)).field("by", r.by).end_object();
  }
  return json.end_array().end_object().take();
}

std::expected<KeyBook, std::string> KeyBook::parse(std::string_view text, std::string_view source,
                                                   WallTime now) {
  if (text.size() > kMaxBytes) return std::unexpected(fmt::format("it has more than {} bytes", kMaxBytes));
  jose::JsonDocument document;
  if (!document.parse(text)) return std::unexpected("it is not a JSON object");
  const Object root = document.root();
  KeyBook book;
  const auto whose = text_member(root, "source");
  if (!whose) return torn("source");
  if (has_member(root, "fetched")) {
    book.fetched_ = time_member(root, "fetched", now);
    if (!book.fetched_) return torn("fetched");
  }
  constexpr std::size_t kMostKeys = 2 * kMostRemoved;
  std::size_t lost = 0;
  if (!read_list(
          root, "revoked", kMostRevoked, book.revocations_, [&](Object o) { return read_revocation(o, now); },
          lost) ||
      lost > 0)
    return torn("revoked");
  // A key that is of no use any more is fetched again, or it is as well that it is gone; what was revoked
  // stays.
  if (!read_list(root, "keys", kMostKeys, book.held_, [&](Object o) { return read_key(o, now); }, lost))
    return torn("keys");
  if (*whose != source) {
    book.held_.clear();
    book.fetched_.reset();
  }
  std::vector<HeldKey> once;
  for (HeldKey& h : book.held_)
    if (!has(once, h.key)) once.push_back(std::move(h));
  book.held_ = std::move(once);
  book.order();
  return book;
}

}  // namespace gatehouse::filters
