// `$NAME`, `${NAME}`, `$$` and `file:/path`, replaced in the tree after parsing, so that a secret cannot
// inject YAML.
#pragma once

#include "config/reader.h"

namespace gatehouse::config {

// Errors name the variable or the file, never what they hold. Keys are left alone.
void substitute(Reader& reader, Node& node);

// `path` as seen from `file`: relative paths are beside the file that names them.
std::string beside(const std::string& file, const std::string& path);

// True if the environment lets a configuration use this path; otherwise an error is added.
bool may_use(Reader& reader, const Node& node, const std::string& path);

}  // namespace gatehouse::config
