#include "filters/auth/identity_headers.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace gatehouse::filters {
namespace {

using From = config::SendItem::From;

constexpr std::size_t kFieldsOfGateway = 16;  // those that are added when the request is forwarded

// Whether a character stands for itself: bit 0, bit 1 where it is an item of a list.
constexpr auto kPlain = [] {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0x20; c < 0x7f; ++c) table[c] = c == '%' ? 0 : c == ',' ? 1 : 3;
  return table;
}();
bool is_plain(char c, bool item) noexcept {
  return (kPlain[static_cast<unsigned char>(c)] & (item ? 2U : 1U)) != 0;
}

// Nearly all values are.
bool stays_as_it_is(std::string_view text, bool item) noexcept {
  unsigned all = item ? 2 : 1;
  for (char c : text) all &= kPlain[static_cast<unsigned char>(c)];
  return all != 0 && !text.starts_with(' ') && !text.ends_with(' ');
}

std::string_view list_of(const gateway::Identity& identity, std::string_view key, std::size_t count,
                         Arena& arena) {
  std::size_t size = 0;
  auto* values = arena.make_array<std::string_view>(count);
  std::size_t n = 0;
  for (const gateway::Attribute& a : identity.attributes) {
    if (a.key != key) continue;
    values[n] = header_value(a.value, true, arena);
    size += values[n++].size() + 2;
  }
  if (n == 1) return values[0];
  auto* out = static_cast<char*>(arena.allocate(size, 1));
  char* end = out;
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0) end = std::ranges::copy(std::string_view(", "), end).out;
    end = std::ranges::copy(values[i], end).out;
  }
  return {out, end};
}

}  // namespace

std::string_view header_value(std::string_view text, bool item, Arena& arena) {
  if (stays_as_it_is(text, item)) return text;
  const auto at_end = [&](std::size_t i) { return i == 0 || i + 1 == text.size(); };
  const auto stays = [&](std::size_t i) { return is_plain(text[i], item) && !(text[i] == ' ' && at_end(i)); };
  std::size_t encoded = 0;
  for (std::size_t i = 0; i < text.size(); ++i) encoded += stays(i) ? 0 : 1;
  constexpr std::string_view kHex = "0123456789ABCDEF";
  auto* out = static_cast<char*>(arena.allocate(text.size() + 2 * encoded, 1));
  char* end = out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (stays(i)) {
      *end++ = text[i];
      continue;
    }
    const auto c = static_cast<unsigned char>(text[i]);
    *end++ = '%';
    *end++ = kHex[c >> 4U];
    *end++ = kHex[c & 15U];
  }
  return {out, end};
}

IdentityHeaders::IdentityHeaders(const std::vector<config::SendItem>& items) {
  for (const config::SendItem& item : items) {
    if (item.from == From::remove) {
      remove_authorization_ = true;
      continue;
    }
    const bool claim = item.from == From::claim;
    items_.push_back(
        {.id = http::header_id(item.header),
         .header = item.header,
         .from = item.from,
         .key = claim ? gateway::key_text({.kind = config::ConditionKey::Kind::claim, .name = item.claim})
                      : std::string()});
  }
}

bool IdentityHeaders::add(const gateway::Identity& identity, http::HeaderTable& headers, Arena& arena) const {
  if (headers.size() + items_.size() + kFieldsOfGateway > http::HeaderTable::kMaxFields) return false;
  for (const Item& item : items_) {
    std::string_view value;
    switch (item.from) {
      case From::user: value = header_value(identity.user, false, arena); break;
      case From::issuer: value = identity.issuer; break;
      case From::method: value = identity.method; break;
      case From::claim: {
        const auto count = static_cast<std::size_t>(
            std::ranges::count(identity.attributes, std::string_view(item.key), &gateway::Attribute::key));
        if (count == 0) continue;
        value = list_of(identity, item.key, count, arena);
        break;
      }
      case From::remove: continue;
    }
    headers.add({item.header, value, item.id});
  }
  return true;
}

}  // namespace gatehouse::filters
