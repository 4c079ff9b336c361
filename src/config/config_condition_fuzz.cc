// Any text as a path, a host and a test of a condition, alone and after `not`.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/condition.h"
#include "config/node.h"
#include "config/path_pattern.h"

namespace {

using namespace gatehouse::config;

Node scalar(std::string_view text) {
  Node node;
  node.kind = Node::Kind::scalar;
  node.value = text;
  return node;
}

void read_as(std::string_view key, const Node& test) {
  const Environment environment;
  Diagnostics diagnostics;
  Reader reader(environment, diagnostics);
  reader.add_file("fuzz");
  Node set;
  set.kind = Node::Kind::map;
  set.members.push_back({scalar(key), test});
  When when;
  if (read_when(reader, set, when) == has_errors(diagnostics)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (std::string_view key :
       {"header.x", "query.q", "path", "host", "ip", "method", "listener", "user", "claim.c"})
    read_as(key, scalar(text));
  Node list;
  list.kind = Node::Kind::list;
  list.items = {scalar(text), scalar("a")};
  read_as("cookie.c", list);
  read_as(text, scalar("x"));
  // A pattern that is taken is written as a normalised path is: reading it again gives the same.
  if (const auto pattern = parse_path_pattern(text); pattern && pattern->regex.empty()) {
    std::string again;
    for (const PathSegment& segment : pattern->segments)
      again += (segment.kind == PathSegment::Kind::parameter ? "/:" : "/") + segment.text;
    if (pattern->below) again += "/*";
    if (pattern->trailing_slash || again.empty()) again += "/";
    const auto second = parse_path_pattern(again);
    if (!second || second->segments != pattern->segments || second->below != pattern->below) std::abort();
  }
  return 0;
}
