// Patterns of paths and what they are rewritten to (rule 4). Pure.
#pragma once

#include <string_view>
#include <vector>

#include "config/spec.h"
#include "config/values.h"

namespace gatehouse::config {

// `/a/:id/*` or `~regex`. A pattern must be written as normalised paths are, or it could never match; only
// bytes beyond ASCII are encoded for the writer. Literal segments hold the bytes that a normalised path has.
Parsed<PathPattern> parse_path_pattern(std::string_view text);

// `/y/*`, `/y/:id`.
Parsed<Rewrite> parse_rewrite(std::string_view text);

// Whether every one of `paths` gives what `text`, a rewrite or a redirect, uses (`:id`, a final `*`). No
// paths = any path, which gives `*`.
Parsed<bool> check_use(const std::vector<PathSegment>& segments, bool below,
                       const std::vector<PathPattern>& paths);

// Whether `text` is a regex that RE2 takes.
Parsed<bool> check_regex(std::string_view text);

}  // namespace gatehouse::config
