// "Did you mean": the nearest of some names.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace gatehouse::config {

// Insertions, removals, replacements and swaps of neighbours that lead from `a` to `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The nearest of `names` if it is near enough to have been meant, else empty.
std::string_view nearest(std::string_view word, std::span<const std::string_view> names);

// "Did you mean `x`?", or empty.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> names);

}  // namespace gatehouse::config
