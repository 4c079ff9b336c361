#include "filters/auth/credential_cut.h"

#include <algorithm>
#include <optional>

namespace gatehouse::filters {
namespace {

int hex(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The next character of `text`, which is not empty; takes it away.
char take_decoded(std::string_view& text) noexcept {
  if (text.front() == '%' && text.size() >= 3 && hex(text[1]) >= 0 && hex(text[2]) >= 0) {
    const char c = static_cast<char>(hex(text[1]) << 4 | hex(text[2]));
    text.remove_prefix(3);
    return c;
  }
  const char c = text.front();
  text.remove_prefix(1);
  return c;
}

std::string_view without_blanks(std::string_view text) noexcept {
  auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// What stays of a list whose items `separator` parts, each with the separator that was before it; the first
// without.
template <class Keep>
std::string_view kept_of(std::string_view list, char separator, Keep keep, Arena& arena) {
  auto* out = static_cast<char*>(arena.allocate(std::max<std::size_t>(1, list.size()), 1));
  char* end = out;
  bool first = true;
  for (std::optional<std::string_view> rest = list; rest;) {
    const std::size_t at = rest->find(separator);
    const std::string_view item = rest->substr(0, at);
    if (at == rest->npos) {
      rest.reset();
    } else {
      rest->remove_prefix(at + 1);
    }
    if (!keep(item)) continue;
    if (!std::exchange(first, false)) *end++ = separator;
    end = std::ranges::copy(item, end).out;
  }
  return {out, end};
}

}  // namespace

bool names_parameter(std::string_view received, std::string_view name) noexcept {
  while (!received.empty() && !name.empty()) {
    if (take_decoded(received) != name.front()) return false;
    name.remove_prefix(1);
  }
  return received.empty() && name.empty();
}

std::string_view decode_escapes(std::string_view text, Arena& arena) {
  if (!text.contains('%')) return text;
  auto* out = static_cast<char*>(arena.allocate(text.size(), 1));
  char* end = out;
  while (!text.empty()) *end++ = take_decoded(text);
  return {out, end};
}

std::string_view cut_parameter(std::string_view query, std::string_view name, Arena& arena) {
  bool there = false;
  for_each_parameter(query, name, [&](std::string_view) { there = true; });
  if (!there) return query;
  const bool marked = query.starts_with('?');
  const std::string_view kept = kept_of(
      query.substr(marked ? 1 : 0), '&',
      [&](std::string_view pair) { return !names_parameter(pair.substr(0, pair.find('=')), name); }, arena);
  if (kept.empty() || !marked) return kept;
  return arena.concat("?", kept);
}

std::string_view cut_parameter_of_url(std::string_view url, std::string_view name, Arena& arena) {
  const std::string_view before = url.substr(0, url.find_first_of("?#"));
  const std::string_view rest = url.substr(before.size());
  const std::string_view query = rest.substr(0, rest.find('#'));
  const std::string_view kept = cut_parameter(query, name, arena);
  if (kept.size() == query.size()) return url;
  return arena.concat(before, kept, rest.substr(query.size()));
}

std::string_view cut_cookie(std::string_view field, std::string_view name, Arena& arena) {
  // A name alone is nobody's cookie here, but some services take it for one with an empty name or value.
  auto is_it = [&](std::string_view pair) { return without_blanks(pair.substr(0, pair.find('='))) == name; };
  bool there = false;
  std::string_view kept = kept_of(
      field, ';',
      [&](std::string_view pair) {
        const bool cut = is_it(pair);
        there = there || cut;
        return !cut;
      },
      arena);
  if (!there) return field;
  return without_blanks(kept);
}

}  // namespace gatehouse::filters
