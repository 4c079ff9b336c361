// A request body that can be sent again, as long as little of it has been consumed.
#pragma once

#include "upstream/body.h"

namespace gatehouse::upstream {

// Remembers up to kLimit bytes of what was pulled, in at most kMemory bytes of blocks. Beyond that, and once
// nobody can want it again, `rewind` says no and memory is given back.
class ReplayBody final : public BodySource {
 public:
  static constexpr std::size_t kLimit = 32 * 1024;
  static constexpr std::size_t kMemory = 64 * 1024;
  static constexpr std::size_t kPieces = 8;

  // `once_sent`: what was sent may not be sent again. Who waits for more has sent what there was.
  ReplayBody(BodySource& inner, BlockPool& blocks, bool once_sent) noexcept
      : inner_(inner), blocks_(blocks), once_sent_(once_sent) {}

  bool try_pull(Result<Piece>& out) override {
    if (position_ < count_) {
      Slice& next = pieces_[position_++];
      out = Piece{Piece::Kind::data, over_ ? std::move(next) : next, nullptr};
      return true;
    }
    if (!inner_.try_pull(out)) return false;
    remember(out);
    return true;
  }
  net::Task<Result<Piece>> pull_later() override {
    if (once_sent_) stop();
    auto piece = co_await inner_.pull_later();
    remember(piece);
    co_return piece;
  }
  std::optional<std::uint64_t> length() const noexcept override { return inner_.length(); }

  // True if the next pull begins at the start again.
  bool rewind() noexcept {
    if (over_) return false;
    position_ = 0;
    return true;
  }
  // There will be no rewind: what was pulled is forgotten, what is still to be pulled stays.
  void stop() noexcept {
    over_ = true;
    for (std::size_t i = 0; i < position_; ++i) pieces_[i] = Slice{};
  }

 private:
  void remember(const Result<Piece>& piece) {
    if (over_) return;
    if (piece && piece->kind == Piece::Kind::end) return;  // pulled again, the inner body says so again
    if (!piece || piece->kind == Piece::Kind::trailers || !keep(piece->data)) stop();
  }
  bool keep(const Slice& data) {
    if (count_ == kPieces || bytes_ + data.size() > kLimit) return false;
    std::size_t holds = data.block() ? data.block()->capacity() : 0;
    bool copy = holds > BlockPool::kSmall && data.size() < holds / 2;  // a byte would pin all of its block
    BlockRef block = copy ? blocks_.get(data.size()) : data.block();
    if (copy) holds = block->capacity();
    if (memory_ + holds > kMemory) return false;
    const char* bytes = copy ? block->data() : data.data();
    if (copy) std::memcpy(block->data(), data.data(), data.size());
    memory_ += holds;
    bytes_ += data.size();
    pieces_[count_++] = Slice(std::move(block), bytes, data.size());
    position_ = count_;
    return true;
  }

  BodySource& inner_;
  BlockPool& blocks_;
  std::array<Slice, kPieces> pieces_;
  std::size_t count_ = 0;
  std::size_t position_ = 0;
  std::size_t bytes_ = 0;
  std::size_t memory_ = 0;  // capacity of the blocks that the pieces hold
  bool once_sent_;
  bool over_ = false;
};

}  // namespace gatehouse::upstream
