#include "config/yaml_trouble.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

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
  const std::size_t list = plain.find("not [");
  if (list != std::string::npos && plain.find('{') < list) {
    place(list);
    found.message = "`not [...]` inside `{...}` must be quoted, because its brackets are YAML's own there";
    found.instead = "Write \"not [a, b]\" in quotes";
    return found;
  }
  const std::size_t special = value_that_begins_with(plain, "%@`>|?");
  if (special != std::string::npos) {
    place(special);
    found.message =
        fmt::format("a value that begins with `{}` must be quoted, because the character is YAML's own there",
                    line[special]);
    found.instead = fmt::format("Write \"{}\"", word_at(line, special));
  }
  return found;
}

// The innermost `{` or `[` that is open where the parser gave up.
std::optional<Diagnostic> not_closed(std::string_view text, const Location& at) {
  std::vector<Location> open;
  std::string kinds;
  for (std::uint32_t number = 1; number <= at.line && !text.empty(); ++number) {
    const std::string line = bare(text.substr(0, text.find('\n')));
    text.remove_prefix(
        std::min(text.size(), text.find('\n') == std::string_view::npos ? text.size() : text.find('\n') + 1));
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (number == at.line && i + 1 >= at.column) break;
      if (line[i] == '{' || line[i] == '[') {
        open.push_back({at.file, number, static_cast<std::uint32_t>(i + 1)});
        kinds += line[i];
      } else if ((line[i] == '}' || line[i] == ']') && !open.empty()) {
        open.pop_back();
        kinds.pop_back();
      }
    }
  }
  if (open.empty()) return std::nullopt;
  return Diagnostic{
      Diagnostic::Level::error, open.back(),
      fmt::format("the `{}` that begins here is not closed, or a comma after it is missing", kinds.back()),
      fmt::format("Close it with `{}`, and quote a text that holds braces, brackets, commas or `: `",
                  kinds.back() == '{' ? '}' : ']')};
}

// The line before is neither a key nor an item of a list: its `:` was forgotten.
std::optional<Diagnostic> without_colon(std::string_view text, const Location& at) {
  for (std::uint32_t number = at.line - 1; number > 0; --number) {
    const std::string line = bare(line_of(text, number));
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == std::string::npos) continue;
    if (line[begin] == '-' || line.find(':') != std::string::npos) return std::nullopt;
    return Diagnostic{Diagnostic::Level::error,
                      {at.file, number, static_cast<std::uint32_t>(begin + 1)},
                      "a key without its `:`",
                      fmt::format("Write `{}: ...`", word_at(line, begin))};
  }
  return std::nullopt;
}

// An alias is mostly an unquoted `*`.
void explain_alias(std::string_view text, Diagnostic& why) {
  const std::string_view line = line_of(text, why.at.line);
  const std::size_t star = value_that_begins_with(bare(line), "*");
  if (star == std::string_view::npos) return;
  why.at.column = static_cast<std::uint32_t>(star + 1);
  why.message = "an unquoted `*` begins an alias in YAML, and aliases are not taken in a configuration";
  why.instead =
      fmt::format("Write \"{}\" in quotes if the text is meant, or the value itself", word_at(line, star));
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
    {"unknown token", "a character that YAML keeps for itself", "Put the text in quotes"},
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

std::optional<Diagnostic> open_quote(std::string_view text, const Location& at) {
  if (at.line == 0) return std::nullopt;
  const std::string_view line = line_of(text, at.line);
  if (at.column > line.size()) return std::nullopt;
  const std::size_t begin = static_cast<std::size_t>(line.data() - text.data()) + at.column - 1;
  const char quote = text[begin];
  if (quote != '"' && quote != '\'') return std::nullopt;
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    if (text[i] == quote) return std::nullopt;
    if (text[i] == '\\' && quote == '"') ++i;
  }
  return Diagnostic{Diagnostic::Level::error, at, "a quote is opened here and never closed", "Close it"};
}

Diagnostic explain_yaml_error(std::string_view text, const Location& at, const std::string& complaint) {
  const std::uint32_t first = at.line > 1 ? at.line - 1 : 1;
  for (std::uint32_t line : {at.line, first}) {
    Diagnostic slip = slip_in(line_of(text, line), line, at.file);
    if (!slip.message.empty()) return slip;
  }
  if (complaint.starts_with("the referenced anchor") || complaint.starts_with("alias not found")) {
    Diagnostic alias{Diagnostic::Level::error, at, "aliases (`*name`) are not taken in a configuration",
                     "Write the value out, or quote the text"};
    explain_alias(text, alias);
    return alias;
  }
  if (complaint.find("flow not found") != std::string::npos) {
    if (auto opened = not_closed(text, at)) return *opened;
  }
  if (complaint.starts_with("illegal map value")) {
    if (auto colon = without_colon(text, at)) return *colon;
  }
  for (const Meaning& meaning : kMeanings) {
    if (!complaint.starts_with(meaning.complaint)) continue;
    return {Diagnostic::Level::error, at, std::string(meaning.message), std::string(meaning.instead)};
  }
  return {Diagnostic::Level::error, at, "this is not YAML (" + complaint + ")", {}};
}

Diagnostic explain_stop(std::string_view text, Diagnostic why) {
  if (why.message.starts_with("aliases")) explain_alias(text, why);
  return why;
}

}  // namespace gatehouse::config
