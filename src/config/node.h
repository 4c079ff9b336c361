// One YAML file as a tree in which every value knows its place. Scalars stay text: what they mean is decided
// by the field that reads them, so `no` is a string and `port: "8080"` is a port.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gatehouse::config {

struct NodeMember;

struct Node {
  enum class Kind : std::uint8_t { null, scalar, list, map };
  Kind kind = Kind::null;
  bool substituted = false;  // `value` came from a substitution: only `source` may be shown
  bool whole = false;        // ... and the whole of it did (`$NAME`, `file:/path`)
  bool escaped = false;      // ... and it held nothing but `$$`: nothing in it is secret
  bool failed = false;     // ... and there was none; reported already, so whoever reads the value keeps quiet
  std::uint16_t file = 0;  // index in the loader's list of files
  std::uint32_t line = 0;  // from 1
  std::uint32_t column = 0;
  std::string value;   // of a scalar, after substitution
  std::string source;  // of a substituted scalar: the text as written
  std::vector<Node> items;
  std::vector<NodeMember> members;  // in the order of the file; no key twice

  bool is_null() const noexcept { return kind == Kind::null; }
  bool is_scalar() const noexcept { return kind == Kind::scalar; }
  bool is_list() const noexcept { return kind == Kind::list; }
  bool is_map() const noexcept { return kind == Kind::map; }

  const std::string& shown() const noexcept { return substituted ? source : value; }
  const Node* find(std::string_view key) const noexcept;
  bool holds_substitution() const noexcept;  // anywhere in it
  bool holds_failure() const noexcept;
};

struct NodeMember {
  Node key;  // a scalar
  Node value;
};

inline constexpr int kMaxDepth = 64;

// The node as YAML on one line, substitutions as their source.
std::string flow_text(const Node& node);

// `text` as a YAML scalar that reads as exactly this text, wherever it stands; quoted only if it must be.
std::string scalar_text(std::string_view text);
// Likewise, and never taken for a number, a boolean or nothing by other readers of YAML.
std::string quoted_text(std::string_view text);

}  // namespace gatehouse::config
