// Files of the state folder, as who keeps something in them sees them.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace gatehouse::gateway {

// Where a part stands in a file that is written in parts.
struct FilePart {
  bool first = true;
  bool last = true;
};

// A file that is open for reading. Blocks.
class StateFile {
 public:
  virtual ~StateFile() = default;
  virtual std::size_t size() const noexcept = 0;
  // Its bytes from `offset` on. Fewer than asked for: it has no more, or they cannot be read.
  virtual std::size_t read(std::size_t offset, std::span<char> into) const = 0;
  // Why bytes could not be read, the last time that some could not; empty: there was no such time.
  virtual std::string trouble() const { return {}; }
};

// As far as it can be read.
std::string text_of(const StateFile& file);

}  // namespace gatehouse::gateway
