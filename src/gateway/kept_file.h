// Files that outlive the process, as who keeps something in them sees them.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace gatehouse::gateway {

// Where a part stands in a file that is written in parts.
struct FilePart {
  bool first = true;
  bool last = true;
};

// A file that is open for reading. Blocks.
class KeptFile {
 public:
  virtual ~KeptFile() = default;
  virtual std::size_t size() const noexcept = 0;
  // Its bytes from `offset` on. Fewer than asked for: it has no more, or they cannot be read.
  virtual std::size_t read(std::size_t offset, std::span<char> into) const = 0;
  // Why bytes could not be read, the last time that some could not; empty: there was no such time.
  virtual std::string trouble() const { return {}; }
};

// As far as it can be read.
std::string text_of(const KeptFile& file);

// One that is a text in memory.
class KeptText final : public KeptFile {
 public:
  explicit KeptText(std::string text) : text_(std::move(text)) {}
  std::size_t size() const noexcept override { return text_.size(); }
  std::size_t read(std::size_t offset, std::span<char> into) const override {
    return offset < text_.size() ? text_.copy(into.data(), into.size(), offset) : 0;
  }

 private:
  std::string text_;
};

}  // namespace gatehouse::gateway
