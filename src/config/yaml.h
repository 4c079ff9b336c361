// YAML text -> Node. yaml-cpp does the parsing; this is where its exceptions end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/diagnostic.h"
#include "config/node.h"

namespace gatehouse::config {

inline constexpr std::size_t kMaxFileSize = 4 * 1024 * 1024;
inline constexpr std::size_t kMaxKeyFileSize = 16 * 1024 * 1024;  // of `api_keys: {file: ...}`
inline constexpr std::size_t kMaxNodes = 1'000'000;               // of one file

// The document in `text` (an empty one is a null node), or nothing if it is no YAML that we take: what is
// wrong has then been added to `diagnostics`. Duplicate keys are reported too, but do not keep the rest from
// being read. `file`: index that the nodes get; `name`: what errors call the file.
std::optional<Node> read_yaml(std::string_view text, std::uint16_t file, const std::string& name,
                              Diagnostics& diagnostics, std::size_t max_size = kMaxFileSize);

}  // namespace gatehouse::config
