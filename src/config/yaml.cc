#include "config/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/yaml_trouble.h"

namespace gatehouse::config {

namespace {

constexpr std::size_t kMaxTrouble = 1000;

// Leaves yaml-cpp's parser when there is no sense in going on. Caught in read_yaml.
struct Stop {
  Diagnostic why;
};

// Builds the tree from yaml-cpp's events. `open_` holds the lists and maps that have not ended, outermost
// first.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::uint16_t file, const std::string& name, Diagnostics& diagnostics)
      : file_(file), name_(name), diagnostics_(diagnostics) {}

  Node take() { return std::move(root_); }
  // The last scalar in quotes, which yaml-cpp takes even if the file ends before its quote does. Line 0:
  // none.
  const Location& last_quoted() const noexcept { return last_quoted_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    stop(mark, "anchors (`&name`) are not taken in a configuration",
         "Write the value out, or quote the text");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    stop(mark, "aliases (`*name`) are not taken in a configuration",
         "Write the value out, or quote the text");
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (anchor != YAML::NullAnchor) OnAnchor(mark, {});
    add(make(mark, Node::Kind::null));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse(mark, tag, anchor);
    Node node = make(mark, Node::Kind::scalar);
    node.value = value;
    if (tag == "!") last_quoted_ = {name_, node.line, node.column};
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    refuse(mark, tag, anchor);
    open(make(mark, Node::Kind::list));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    refuse(mark, tag, anchor);
    open(make(mark, Node::Kind::map));
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    Node key;  // of a map: the key that waits for its value
    bool has_key = false;
    std::unordered_map<std::string, std::uint32_t> lines;  // of a map: where each key was first written
  };

  Location at(const YAML::Mark& mark) const {
    return {name_, static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
  }
  [[noreturn]] void stop(const YAML::Mark& mark, std::string message, std::string instead) {
    throw Stop{{Diagnostic::Level::error, at(mark), std::move(message), std::move(instead)}};
  }
  void refuse(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) OnAnchor(mark, {});
    if (!tag.empty() && tag != "?" && tag != "!") {
      stop(mark, "tags (`!name`) are not taken in a configuration", "Quote a text that begins with `!`");
    }
  }
  Node make(const YAML::Mark& mark, Node::Kind kind) {
    if (++count_ > kMaxNodes) {
      stop(mark, fmt::format("the file holds more than {} values", kMaxNodes), "Split it with `include`");
    }
    Node node;
    node.kind = kind;
    node.file = file_;
    node.line = static_cast<std::uint32_t>(mark.line + 1);
    node.column = static_cast<std::uint32_t>(mark.column + 1);
    return node;
  }
  void open(Node node) {
    if (open_.size() >= kMaxDepth) {
      throw Stop{{Diagnostic::Level::error,
                  {name_, node.line, node.column},
                  fmt::format("lists and maps are nested deeper than {} levels", kMaxDepth),
                  {}}};
    }
    open_.push_back({std::move(node), {}, false, {}});
  }
  void close() {
    Node done = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(done));
  }
  void add(Node node) {
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (Open& top = open_.back(); top.node.is_list()) {
      top.node.items.push_back(std::move(node));
    } else if (!top.has_key) {
      take_key(top, std::move(node));
    } else {
      top.has_key = false;
      if (node.is_null()) {  // yaml-cpp has it where the next thing begins
        node.line = top.key.line;
        node.column = top.key.column;
      }
      if (top.key.kind == Node::Kind::scalar)
        top.node.members.push_back({std::move(top.key), std::move(node)});
    }
  }
  // A key that cannot stand is reported and leaves `key` null, so that its value is dropped.
  void take_key(Open& top, Node key) {
    top.has_key = true;
    top.key = Node{};
    if (diagnostics_.size() >= kMaxTrouble) return;  // enough to be read at once; they are errors already
    if (!key.is_scalar()) {
      diagnostics_.push_back({Diagnostic::Level::error,
                              {name_, key.line, key.column},
                              "a key must be plain text",
                              "Quote a key that holds braces or brackets"});
      return;
    }
    auto [known, fresh] = top.lines.try_emplace(key.value, key.line);
    if (!fresh) {
      diagnostics_.push_back(
          {Diagnostic::Level::error,
           {name_, key.line, key.column},
           fmt::format("`{}` is written twice, first in line {}", key.value, known->second),
           "Keep one of them"});
      return;
    }
    top.key = std::move(key);
  }

  std::uint16_t file_;
  const std::string& name_;
  Diagnostics& diagnostics_;
  std::vector<Open> open_;
  std::size_t count_ = 0;
  Node root_;
  Location last_quoted_;
};

// One document; a second is an error.
void parse(std::string_view text, Builder& builder, const std::string& name, Diagnostics& diagnostics) {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  if (!parser.HandleNextDocument(builder)) return;
  Diagnostics ignored;
  Builder second(0, name, ignored);
  if (parser.HandleNextDocument(second)) {
    const Node node = second.take();
    diagnostics.push_back({Diagnostic::Level::error,
                           {name, node.line == 0 ? 1 : node.line, 1},
                           "the file holds a second YAML document",
                           "Remove the `---` before it"});
  }
}

}  // namespace

std::optional<Node> read_yaml(std::string_view text, std::uint16_t file, const std::string& name,
                              Diagnostics& diagnostics, std::size_t max_size) {
  if (text.size() > max_size) {
    diagnostics.push_back({Diagnostic::Level::error,
                           {name, 0, 0},
                           fmt::format("the file is larger than {} MB", max_size / 1024 / 1024),
                           max_size == kMaxFileSize ? "Split it with `include`" : ""});
    return std::nullopt;
  }
  if (auto trouble = forbidden_byte(text, name)) {
    diagnostics.push_back(std::move(*trouble));
    return std::nullopt;
  }
  Builder builder(file, name, diagnostics);
  try {
    parse(text, builder, name, diagnostics);
    if (auto open = open_quote(text, builder.last_quoted())) diagnostics.push_back(std::move(*open));
    return builder.take();
  } catch (const Stop& stop) {
    diagnostics.push_back(explain_stop(text, stop.why));
  } catch (const YAML::Exception& e) {
    const auto line = static_cast<std::uint32_t>(e.mark.line + 1);
    const auto column = static_cast<std::uint32_t>(e.mark.column + 1);
    diagnostics.push_back(explain_yaml_error(text, {name, line, column}, e.msg));
  }
  return std::nullopt;
}

}  // namespace gatehouse::config
