#include "config/node.h"

#include <fmt/format.h>

#include <algorithm>

namespace gatehouse::config {

namespace {

bool is_plain_inside(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./*+=$%:;()^|~<>@&! ").find(c) != std::string_view::npos;
}

bool is_plain_first(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_./$~^(+").find(c) != std::string_view::npos;
}

bool is_plain(std::string_view text) {
  if (text.empty() || text == "~" || !is_plain_first(text.front()) || text.back() == ' ' ||
      text.back() == ':') {
    return false;
  }
  if (text.find(": ") != std::string_view::npos) return false;
  return std::ranges::all_of(text, is_plain_inside);
}

// What YAML 1.1 or 1.2 readers may take for something else than text.
bool is_ambiguous(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  for (std::string_view word : {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}) {
    if (lower == word) return true;
  }
  return std::ranges::all_of(
      lower, [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e'; });
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

const Node* Node::find(std::string_view key) const noexcept {
  for (const NodeMember& member : members) {
    if (member.key.value == key) return &member.value;
  }
  return nullptr;
}

bool Node::holds_substitution() const noexcept {
  return substituted || std::ranges::any_of(items, &Node::holds_substitution) ||
         std::ranges::any_of(members, [](const NodeMember& m) { return m.value.holds_substitution(); });
}

bool Node::holds_failure() const noexcept {
  return failed || std::ranges::any_of(items, &Node::holds_failure) ||
         std::ranges::any_of(members, [](const NodeMember& m) { return m.value.holds_failure(); });
}

std::string scalar_text(std::string_view text) {
  if (is_plain(text) && text != "null" && text != "Null" && text != "NULL") return std::string(text);
  return in_quotes(text);
}

std::string quoted_text(std::string_view text) {
  return is_plain(text) && !is_ambiguous(text) ? std::string(text) : in_quotes(text);
}

std::string flow_text(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null: return "null";
    case Node::Kind::scalar: return quoted_text(node.shown());
    case Node::Kind::list: {
      std::string out = "[";
      for (const Node& item : node.items) {
        if (out.size() > 1) out += ", ";
        out += flow_text(item);
      }
      return out + "]";
    }
    case Node::Kind::map: break;
  }
  std::string out = "{";
  for (const NodeMember& member : node.members) {
    if (out.size() > 1) out += ", ";
    out += quoted_text(member.key.value) + ": " + flow_text(member.value);
  }
  return out + "}";
}

}  // namespace gatehouse::config
