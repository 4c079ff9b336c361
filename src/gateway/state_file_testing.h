// A file of the state folder for tests.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "gateway/state_file.h"

namespace gatehouse::gateway::testing {

// A text in memory.
class MemoryFile final : public StateFile {
 public:
  explicit MemoryFile(std::string text) : text_(std::move(text)) {}
  std::size_t size() const noexcept override { return text_.size(); }
  std::size_t read(std::size_t offset, std::span<char> into) const override {
    return offset < text_.size() ? text_.copy(into.data(), into.size(), offset) : 0;
  }

 private:
  std::string text_;
};

}  // namespace gatehouse::gateway::testing
