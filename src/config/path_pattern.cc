#include "config/path_pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace gatehouse::config {

namespace {

constexpr std::size_t kMaxPattern = 4096;
constexpr std::int64_t kRegexMemory = 8 << 20;

bool is_unreserved(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The segment as a normalised path has it; a complaint for what no path can hold.
Parsed<std::string> normal_segment(std::string_view segment) {
  std::string out;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    const auto c = static_cast<unsigned char>(segment[i]);
    if (c == '%') {
      const int high = i + 2 < segment.size() ? hex_digit(segment[i + 1]) : -1;
      const int low = i + 2 < segment.size() ? hex_digit(segment[i + 2]) : -1;
      if (high < 0 || low < 0)
        return complain("a `%` without two hexadecimal digits", "Write `%25` for the character itself");
      const auto byte = static_cast<unsigned char>(high * 16 + low);
      if (byte == 0 || byte == '\\') return complain(fmt::format("`%{:02X}` is refused in every path", byte));
      out += is_unreserved(byte) ? std::string(1, static_cast<char>(byte)) : fmt::format("%{:02X}", byte);
      i += 2;
    } else if (c == '\\') {
      return complain("a `\\` is refused in every path", "Write `/`");
    } else if (c == ';') {
      return complain("for matching, a segment ends before its first `;`",
                      "Leave the `;` and what follows it away");
    } else if (c <= 0x20 || c == 0x7f || c >= 0x80 ||
               std::string_view("\"<>^`{|}").find(segment[i]) != std::string_view::npos) {
      out += fmt::format("%{:02X}", c);
    } else {
      out += segment[i];
    }
  }
  return out;
}

// Bytes beyond ASCII are encoded silently; anything else that changes must be written as it will be compared.
bool only_encoded_bytes_beyond_ascii(std::string_view written, std::string_view normal) {
  std::string encoded;
  for (char c : written) {
    const auto byte = static_cast<unsigned char>(c);
    encoded += byte >= 0x80 ? fmt::format("%{:02X}", byte) : std::string(1, c);
  }
  return encoded == normal;
}

Parsed<PathSegment> parse_segment(std::string_view segment) {
  if (segment.starts_with(':')) {
    const std::string_view name = segment.substr(1);
    if (!is_name(name, false)) {
      return complain(fmt::format("`{}` is no parameter", segment),
                      "Write for example `:id`; it stands for one whole segment");
    }
    return PathSegment{PathSegment::Kind::parameter, std::string(name)};
  }
  if (segment.starts_with('{') && segment.ends_with('}')) {
    const std::string_view name = segment.substr(1, segment.size() - 2);
    return complain("a parameter is written with a colon",
                    is_name(name, false) ? fmt::format("Write `:{}`", name) : "Write for example `:id`");
  }
  if (segment.find('*') != std::string_view::npos) {
    return complain("`*` stands only at the end, as `/*`",
                    "For one segment write `:name`, for anything else a regex such as `~/a.*`");
  }
  auto normal = normal_segment(segment);
  if (!normal) return std::unexpected(normal.error());
  if (!only_encoded_bytes_beyond_ascii(segment, *normal)) {
    return complain(fmt::format("`{}` is not as normalised paths have it, so it would never match", segment),
                    fmt::format("Write `{}`", *normal));
  }
  return PathSegment{PathSegment::Kind::literal, std::move(*normal)};
}

struct Split {
  std::vector<PathSegment> segments;
  bool below = false;
  bool trailing_slash = false;
};

// What patterns and rewrites have in common.
Parsed<Split> split(std::string_view text) {
  if (!text.starts_with('/')) {
    return complain(fmt::format("`{}` does not begin with `/`", text),
                    text == "*" ? std::string("Write `/*`") : fmt::format("Write `/{}`", text));
  }
  if (text.size() > kMaxPattern)
    return complain(fmt::format("the path is longer than {} bytes", kMaxPattern));
  if (text.find_first_of("?#") != std::string_view::npos) {
    return complain("a path holds no query and no fragment",
                    "Test a parameter with `when: {query.NAME: ...}`");
  }
  Split out;
  std::string_view rest = text.substr(1);
  if (rest.empty()) return out;
  for (bool last = false; !last;) {
    const std::size_t slash = rest.find('/');
    last = slash == std::string_view::npos;
    const std::string_view segment = rest.substr(0, slash);
    rest = last ? std::string_view{} : rest.substr(slash + 1);
    if (segment.empty() && last) {
      out.trailing_slash = true;
    } else if (segment.empty()) {
      return complain("`//` never comes, because runs of `/` are merged", "Write one `/`");
    } else if (segment == "." || segment == "..") {
      return complain(fmt::format("`{}` never comes, because dot segments are resolved", segment),
                      "Write the path without it");
    } else if (last && segment == "*") {
      out.below = true;
    } else if (last && segment == "**") {
      return complain("`/*` is all below already", "Write `/*`");
    } else {
      auto parsed = parse_segment(segment);
      if (!parsed) return std::unexpected(parsed.error());
      out.segments.push_back(std::move(*parsed));
    }
  }
  return out;
}

const PathSegment* parameter_twice(const std::vector<PathSegment>& segments) {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (segments[i].kind == PathSegment::Kind::parameter && segments[i] == segments[j]) return &segments[i];
    }
  }
  return nullptr;
}

// What may be used instead.
std::string parameters_of(const PathPattern& path) {
  std::string out;
  for (const PathSegment& segment : path.segments) {
    // Only what is written there: the path may have come from a substitution.
    if (segment.kind == PathSegment::Kind::parameter &&
        path.text.find(":" + segment.text) != std::string::npos)
      out += fmt::format("{}`:{}`", out.empty() ? "" : ", ", segment.text);
  }
  return out.empty() ? "The path has no parameters; one is written `:id`" : "It has " + out;
}

bool gives(const PathPattern& path, const PathSegment& segment) {
  return std::ranges::find(path.segments, segment) != path.segments.end();
}

}  // namespace

Parsed<bool> check_regex(std::string_view text) {
  if (text.empty()) return complain("the regex is empty", "Write for example `~/v[0-9]+/.*`");
  if (text.size() > kMaxPattern)
    return complain(fmt::format("the regex is longer than {} bytes", kMaxPattern));
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemory);
  const RE2 regex(re2::StringPiece(text.data(), text.size()), options);
  if (regex.ok()) return true;
  return complain(
      fmt::format("`{}` is no regex that RE2 takes: {}", text, regex.error()),
      regex.error_code() == RE2::ErrorBadPerlOp ? "RE2 has no look-around and no back-references" : "");
}

Parsed<PathPattern> parse_path_pattern(std::string_view text) {
  PathPattern out;
  out.text = text;
  if (text.starts_with('~')) {
    out.regex = text.substr(1);
    if (const auto good = check_regex(out.regex); !good) return std::unexpected(good.error());
    return out;
  }
  auto parts = split(text);
  if (!parts) {
    if (text.starts_with("^")) parts.error().instead = "A regex begins with `~`";
    return std::unexpected(parts.error());
  }
  if (const PathSegment* twice = parameter_twice(parts->segments)) {
    return complain(fmt::format("`:{}` is there twice", twice->text), "Give each parameter its own name");
  }
  out.segments = std::move(parts->segments);
  out.below = parts->below;
  out.trailing_slash = parts->trailing_slash;
  return out;
}

Parsed<Rewrite> parse_rewrite(std::string_view text) {
  auto parts = split(text);
  if (!parts) return std::unexpected(parts.error());
  return Rewrite{std::string(text), std::move(parts->segments), parts->below, parts->trailing_slash};
}

Parsed<bool> check_use(const std::vector<PathSegment>& segments, bool below,
                       const std::vector<PathPattern>& paths) {
  for (const PathSegment& segment : segments) {
    if (segment.kind != PathSegment::Kind::parameter) continue;
    if (paths.empty())
      return complain(fmt::format("`:{}` is not in the route's path, for there is none", segment.text));
    for (const PathPattern& path : paths) {
      if (!gives(path, segment))
        return complain(fmt::format("`:{}` is not in the path `{}`", segment.text, path.text),
                        parameters_of(path));
    }
  }
  for (const PathPattern& path : paths) {
    if (below && !path.below) {
      return complain(
          fmt::format("`*` has nothing to stand for, because the path `{}` does not end in `/*`", path.text),
          "End the path in `/*`, or leave the `*` away");
    }
  }
  return true;
}

}  // namespace gatehouse::config
