// Takes a parameter or a cookie that carries a credential out of what is passed on, and leaves all else as it
// is, byte for byte. Pure.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/arena.h"

namespace gatehouse::filters {

// Whether the name of a query parameter, as it came, means `name`: %-escapes are decoded, so that no spelling
// slips through that a service would understand.
bool names_parameter(std::string_view received, std::string_view name) noexcept;

// %-escapes decoded, and nothing else: '+' stays, as keys hold no spaces. A view of `text` where there is
// nothing to decode. A broken escape stays as it is.
std::string_view decode_escapes(std::string_view text, Arena& arena);

// Calls each(value) for every parameter of that name in `query` (with or without its '?'); values as they
// came.
template <class F>
void for_each_parameter(std::string_view query, std::string_view name, F each) {
  if (query.starts_with('?')) query.remove_prefix(1);
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(pair.size() == query.size() ? query.size() : pair.size() + 1);
    const std::string_view key = pair.substr(0, pair.find('='));
    if (names_parameter(key, name))
      each(key.size() == pair.size() ? std::string_view{} : pair.substr(key.size() + 1));
  }
}

// `query` (with its '?', or empty) without the parameters of that name; empty if nothing is left.
std::string_view cut_parameter(std::string_view query, std::string_view name, Arena& arena);
// The same for the query within a URL: Referer.
std::string_view cut_parameter_of_url(std::string_view url, std::string_view name, Arena& arena);
// One Cookie field without the cookies of that name; empty if nothing is left.
std::string_view cut_cookie(std::string_view field, std::string_view name, Arena& arena);

}  // namespace gatehouse::filters
