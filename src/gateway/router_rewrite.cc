// Paths for services and targets of redirects (configuration rule 4).
#include <algorithm>

#include "gateway/router.h"

namespace gatehouse::gateway {
namespace {

// Where the path of a redirect's target begins: after `scheme://authority`, if there is one.
std::size_t path_of_target(std::string_view to) {
  std::size_t scheme = to.find("://");
  if (scheme == to.npos || scheme > to.find_first_of("/?#")) return 0;
  return std::min(to.find_first_of("/?#", scheme + 3), to.size());
}

std::optional<std::uint8_t> parameter_index(const config::PathPattern* from, std::string_view name) {
  std::uint8_t index = 0;
  if (from == nullptr) return std::nullopt;
  for (const config::PathSegment& s : from->segments) {
    if (s.kind != config::PathSegment::Kind::parameter) continue;
    if (s.text == name) return index;
    if (++index == kMaxPathParameters) break;
  }
  return std::nullopt;
}

// What a path with an empty segment in front would be for a browser: a host ("//evil.example").
std::string_view one_leading_slash(std::string_view path) {
  while (path.starts_with("//")) path.remove_prefix(1);
  return path.empty() ? std::string_view("/") : path;
}

}  // namespace

void CompiledRewrite::add_text(std::string_view text) {
  if (text.empty()) return;
  if (pieces_.empty() || pieces_.back().kind != Piece::Kind::text) pieces_.emplace_back();
  pieces_.back().text += text;
}

void CompiledRewrite::add_segment(const config::PathSegment& segment, const config::PathPattern* from,
                                  const config::Location& at, config::Diagnostics& diagnostics) {
  if (segment.kind == config::PathSegment::Kind::literal) return add_text(segment.text);
  if (auto index = parameter_index(from, segment.text)) {
    pieces_.push_back({Piece::Kind::parameter, *index, {}});
    return;
  }
  std::string path = from != nullptr ? from->text : "/*";
  diagnostics.push_back({config::Diagnostic::Level::error, at,
                         "`:" + segment.text + "` is no part of the path `" + path + "`",
                         "Use a name that stands in the path after a `:`, or write the text itself."});
}

CompiledRewrite CompiledRewrite::path(const config::Rewrite& rewrite, const config::PathPattern* from,
                                      const config::Location& at, config::Diagnostics& diagnostics) {
  CompiledRewrite compiled;
  if (rewrite.text.empty()) return compiled;
  for (const config::PathSegment& s : rewrite.segments) {
    compiled.add_text("/");
    compiled.add_segment(s, from, at, diagnostics);
  }
  if (rewrite.below) {
    compiled.pieces_.push_back({Piece::Kind::tail, 0, {}});
  } else if (rewrite.trailing_slash || rewrite.segments.empty()) {
    compiled.add_text("/");
  }
  return compiled;
}

CompiledRewrite CompiledRewrite::redirect(std::string_view to, const config::PathPattern* from,
                                          const config::Location& at, config::Diagnostics& diagnostics) {
  CompiledRewrite compiled;
  std::size_t begin = path_of_target(to);
  std::size_t end = std::min(to.find_first_of("?#", begin), to.size());
  compiled.add_text(to.substr(0, begin));
  for (std::string_view path = to.substr(begin, end - begin); !path.empty();) {
    std::size_t slash = path.front() == '/' ? 1 : 0;
    std::string_view segment = path.substr(slash, path.find('/', slash) - slash);
    path.remove_prefix(slash + segment.size());
    if (slash == 1 && segment == "*" && path.empty()) {
      compiled.pieces_.push_back({Piece::Kind::tail, 0, {}});
      break;
    }
    compiled.add_text(std::string_view("/").substr(0, slash));
    bool parameter = segment.size() > 1 && segment.front() == ':';
    using Kind = config::PathSegment::Kind;
    compiled.add_segment(
        {parameter ? Kind::parameter : Kind::literal, std::string(segment.substr(parameter ? 1 : 0))}, from,
        at, diagnostics);
  }
  compiled.has_query_ = end != to.size();
  compiled.add_text(to.substr(end));
  return compiled;
}

std::string_view CompiledRewrite::expand(const Captures& captures, std::string_view suffix,
                                         Arena& arena) const {
  auto value = [&captures](const Piece& p) -> std::string_view {
    switch (p.kind) {
      case Piece::Kind::text: return p.text;
      case Piece::Kind::parameter: return captures.parameters[p.parameter];
      case Piece::Kind::tail: return captures.tail;
    }
    return {};
  };
  if (pieces_.size() == 1 && suffix.empty()) return value(pieces_.front());
  std::size_t size = suffix.size();
  for (const Piece& p : pieces_) size += value(p).size();
  auto* text = static_cast<char*>(arena.allocate(std::max<std::size_t>(size, 1), 1));
  char* end = text;
  for (const Piece& p : pieces_) end = std::ranges::copy(value(p), end).out;
  std::ranges::copy(suffix, end);
  return {text, size};
}

std::string_view rewrite_path(const CompiledRewrite& rewrite, const Captures& captures, std::string_view path,
                              Arena& arena) {
  return rewrite.empty() ? path : one_leading_slash(rewrite.expand(captures, {}, arena));
}

std::string_view redirect_target(const CompiledRewrite& rewrite, const Captures& captures,
                                 std::string_view query, Arena& arena) {
  std::string_view target = rewrite.expand(captures, rewrite.has_query_ ? std::string_view{} : query, arena);
  bool written_so = !rewrite.empty() && rewrite.pieces_.front().text.starts_with("//");
  return written_so ? target : (target.empty() || target.front() == '/') ? one_leading_slash(target) : target;
}

}  // namespace gatehouse::gateway
