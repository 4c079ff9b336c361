// `$NAME`, `${NAME}`, `$$` and `file:/path`, replaced in the tree after parsing, so that a secret cannot
// inject YAML.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "config/reader.h"
#include "config/yaml.h"

namespace gatehouse::config {

// Errors name the variable or the file, never what they hold. Keys are left alone.
void substitute(Reader& reader, Node& node);

// `path` as seen from `file`: relative paths are beside the file that names them.
std::string beside(const std::string& file, const std::string& path);

// What the file holds, without its last line's end; it is one of those that control watches. Nothing, and
// reported, if it cannot be read or may not be used. `shown`: what an error may call it.
std::optional<std::string> contents(Reader& reader, const Node& node, const std::string& path,
                                    const std::string& shown, std::size_t max_size = kMaxFileSize);

// True if the environment lets a configuration use this path; otherwise an error is added.
bool may_use(Reader& reader, const Node& node, const std::string& path, const std::string& shown);

}  // namespace gatehouse::config
