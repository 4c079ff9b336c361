#include "config/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gatehouse::config {

std::uint16_t Reader::add_file(const std::string& file) {
  const auto known = std::ranges::find(files_, file);
  if (known != files_.end()) return static_cast<std::uint16_t>(known - files_.begin());
  files_.push_back(file);
  return static_cast<std::uint16_t>(files_.size() - 1);
}

Location Reader::at(const Node& node) const {
  return {node.file < files_.size() ? files_[node.file] : std::string(), node.line, node.column};
}

void Reader::add(Diagnostic::Level level, const Location& at, std::string message, std::string instead) {
  if (diagnostics_.size() > kMaxDiagnostics) return;
  if (diagnostics_.size() == kMaxDiagnostics) {
    message = fmt::format("there are more than {} errors; the rest is left out", kMaxDiagnostics);
    instead.clear();
    level = Diagnostic::Level::error;
  }
  diagnostics_.push_back({level, at, std::move(message), std::move(instead)});
}

void Reader::error(const Node& node, std::string message, std::string instead) {
  add(Diagnostic::Level::error, at(node), std::move(message), std::move(instead));
}

void Reader::error(const Location& at, std::string message, std::string instead) {
  add(Diagnostic::Level::error, at, std::move(message), std::move(instead));
}

void Reader::warning(const Location& at, std::string message, std::string instead) {
  add(Diagnostic::Level::warning, at, std::move(message), std::move(instead));
}

void Reader::hint(const Location& at, std::string message, std::string instead) {
  add(Diagnostic::Level::hint, at, std::move(message), std::move(instead));
}

bool Reader::few_enough(const Node& node, std::string_view what) {
  if (node.members.size() <= kMaxTogether && node.items.size() <= kMaxTogether) return true;
  error(node, fmt::format("`{}` holds more than {} entries", what, kMaxTogether));
  return false;
}

void Reader::refuse(const Node& node, std::string_view what, std::string_view expects,
                    const Complaint& complaint) {
  if (node.holds_failure()) return;
  if (node.holds_substitution()) {
    error(node, fmt::format("`{}`: what `{}` stands for is not {}", what, flow_text(node), expects));
  } else {
    error(node, fmt::format("`{}`: {}", what, complaint.message), complaint.instead);
  }
}

std::optional<Location> Reader::first_of(const void* owner, const std::string& name, const Location& at) {
  const auto [known, fresh] = names_[owner].try_emplace(name, at);
  return fresh ? std::nullopt : std::optional(known->second);
}

void Reader::refer(const Node& node, Reference::To to, std::string name, std::string version,
                   std::string shown) {
  if (node.failed) return;
  references_.push_back({to, std::move(name), std::move(version), std::move(shown), at(node)});
}

}  // namespace gatehouse::config
