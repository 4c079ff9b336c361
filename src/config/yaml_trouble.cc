#include "config/yaml_trouble.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace gatehouse::config {

namespace {

std::string_view line_of(std::string_view text, std::uint32_t number) {
  for (std::uint32_t line = 1; line < number; ++line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  return text;
}

// The line with what stands in quotes, and comments, blanked out: only YAML's own characters are left.
std::string bare(std::string_view line) {
  std::string out(line);
  char quote = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const char c = out[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
      out[i] = 'x';
    } else if ((c == '"' || c == '\'') &&
               (i == 0 || std::string_view(" [{,:").find(out[i - 1]) != std::string_view::npos)) {
      quote = c;
      out[i] = 'x';
    } else if (c == '#' && (i == 0 || out[i - 1] == ' ')) {
      out.resize(i);
    }
  }
  return out;
}

// The word at `from`, up to what ends one in a flow map.
std::string_view word_at(std::string_view line, std::size_t from) {
  std::string_view word = line.substr(from);
  word = word.substr(0, word.find_first_of(",]}"));
  word = word.substr(0, word.find(" #"));
  while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
  return word;
}

// Where a value begins with one of `marks`, unquoted; npos if none does.
std::size_t value_that_begins_with(std::string_view bare_line, std::string_view marks) {
  for (std::size_t i = 1; i < bare_line.size(); ++i) {
    if (marks.find(bare_line[i]) == std::string_view::npos || bare_line[i - 1] != ' ') continue;
    const std::size_t before = bare_line.find_last_not_of(' ', i - 1);
    if (before != std::string_view::npos &&
        std::string_view(":[{,-").find(bare_line[before]) != std::string_view::npos)
      return i;
  }
  for (std::size_t i = 1; i < bare_line.size(); ++i) {
    if (marks.find(bare_line[i]) != std::string_view::npos &&
        (bare_line[i - 1] == '[' || bare_line[i - 1] == '{'))
      return i;
  }
  return std::string_view::npos;
}

// The usual slips, by what the line shows. Empty message: none of them.
Diagnostic slip_in(std::string_view line, std::uint32_t number, const std::string& file) {
  Diagnostic found;
  const std::string plain = bare(line);
  const auto place = [&](std::size_t index) {
    found.at = {file, number, static_cast<std::uint32_t>(index + 1)};
  };
  const std::size_t indent = line.find_first_not_of(" \t");
  const std::size_t tab = line.find('\t');
  if (tab != std::string_view::npos && tab < indent) {
    place(tab);
    found.message = "a tab in the indentation";
    found.instead = "YAML indents with spaces";
    return found;
  }
  const std::size_t brace = plain.find("${");
  if (brace != std::string::npos &&
      plain.find_last_of("{[", brace == 0 ? 0 : brace - 1) != std::string::npos) {
    place(brace);
    found.message =
        "`${...}` inside `{...}` or `[...]` must be quoted, because its braces are YAML's own there";
    found.instead = "Write \"${NAME}\" in quotes, or $NAME if it is the whole value";
    return found;
  }
  const std::size_t special = value_that_begins_with(plain, "*&!%@`>|");
  if (special != std::string::npos) {
    place(special);
    found.message =
        fmt::format("a value that begins with `{}` must be quoted, because the character is YAML's own there",
                    line[special]);
    found.instead = fmt::format("Write \"{}\"", word_at(line, special));
  }
  return found;
}

struct Meaning {
  std::string_view complaint;  // begins so
  std::string_view message;
  std::string_view instead;
};

constexpr Meaning kMeanings[] = {
    {"illegal map value", "a `:` where YAML expects none",
     "Check the indentation, and quote a text that holds `: `"},
    {"illegal map key", "a key where YAML expects none",
     "Check the indentation of this line and the one before"},
    {"illegal block entry", "a `-` where YAML expects none",
     "Check the indentation of this line and the one before"},
    {"end of map not found", "this line does not belong to the map above it",
     "Check its indentation: keys of one map begin in the same column, and each ends with `:`"},
    {"end of sequence not found", "this line does not belong to the list above it",
     "Check its indentation: items of one list begin with `- ` in the same column"},
    {"end of map flow not found", "a `{` is not closed, or a comma is missing",
     "Check the braces of this line and those before"},
    {"end of sequence flow not found", "a `[` is not closed, or a comma is missing",
     "Check the brackets of this line and those before"},
    {"illegal flow end", "a `}` or `]` that closes nothing", "Remove it, or quote the text that holds it"},
    {"illegal EOF in scalar", "a quote is opened and never closed", "Close it"},
    {"illegal document indicator", "`---` or `...` inside a quoted text", "Close the quote before it"},
    {"unknown escape character", "an unknown escape in double quotes",
     "Write `\\\\` for a backslash, or use single quotes"},
    {"the referenced anchor", "aliases (`*name`) are not taken in a configuration",
     "Write the value out, or quote the text"},
    {"alias not found", "a lone `*` must be quoted", "Write \"*\""},
    {"anchor not found", "a lone `&` must be quoted", "Write \"&\""},
};

}  // namespace

std::optional<Diagnostic> forbidden_byte(std::string_view text, const std::string& name) {
  std::uint32_t line = 1;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\n') {
      ++line;
      start = i + 1;
    } else if ((byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7f) {
      return Diagnostic{Diagnostic::Level::error,
                        {name, line, static_cast<std::uint32_t>(i - start + 1)},
                        fmt::format("the control character 0x{:02x}", byte),
                        "A configuration is plain UTF-8 text; write it as an escape in double quotes"};
    }
  }
  return std::nullopt;
}

Diagnostic explain_yaml_error(std::string_view text, const Location& at, const std::string& complaint) {
  const std::uint32_t first = at.line > 1 ? at.line - 1 : 1;
  for (std::uint32_t line : {at.line, first}) {
    Diagnostic slip = slip_in(line_of(text, line), line, at.file);
    if (!slip.message.empty()) return slip;
  }
  for (const Meaning& meaning : kMeanings) {
    if (!complaint.starts_with(meaning.complaint)) continue;
    return {Diagnostic::Level::error, at, std::string(meaning.message), std::string(meaning.instead)};
  }
  return {Diagnostic::Level::error, at, "this is not YAML (" + complaint + ")", {}};
}

Diagnostic explain_stop(std::string_view text, Diagnostic why) {
  if (why.message.find("not taken") == std::string::npos) return why;
  Diagnostic slip = slip_in(line_of(text, why.at.line), why.at.line, why.at.file);
  return slip.message.empty() || slip.message.starts_with("a tab") ? why : slip;
}

}  // namespace gatehouse::config
