// `when` and `require` (rule 3): a map of conditions that must all hold, or a list of such maps of which one
// must.
#pragma once

#include "config/reader.h"

namespace gatehouse::config {

// `what`: which of them, for errors. What a substitution stands for is taken literally: a secret cannot
// become a regex or a prefix.
bool read_when(Reader& reader, const Node& node, When& out, std::string_view what = "when");

}  // namespace gatehouse::config
