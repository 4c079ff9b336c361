#include <string>

#include "config/loader.h"

namespace gatehouse::config {
std::string json_schema() { return "{}"; }
std::string reference_markdown() { return {}; }
}  // namespace gatehouse::config
