// A request body that can be sent again, as long as little of it has been consumed.
#pragma once

#include "upstream/body.h"

namespace gatehouse::upstream {

// Remembers up to kLimit bytes of what was pulled. Beyond that `rewind` says no, and memory is given back.
class ReplayBody final : public BodySource {
 public:
  static constexpr std::size_t kLimit = 32 * 1024;
  static constexpr std::size_t kPieces = 8;

  explicit ReplayBody(BodySource& inner) noexcept : inner_(inner) {}

  bool try_pull(Result<Piece>& out) override {
    if (position_ < count_) {
      out = Piece{Piece::Kind::data, pieces_[position_++], nullptr};
      return true;
    }
    if (!inner_.try_pull(out)) return false;
    remember(out);
    return true;
  }
  net::Task<Result<Piece>> pull_later() override {
    auto piece = co_await inner_.pull_later();
    remember(piece);
    co_return piece;
  }
  std::optional<std::uint64_t> length() const noexcept override { return inner_.length(); }

  // True if the next pull begins at the start again.
  bool rewind() noexcept {
    position_ = 0;
    return !overflowed_;
  }

 private:
  void remember(const Result<Piece>& piece) noexcept {
    if (overflowed_ || !piece) {
      overflowed_ = overflowed_ || !piece;
      return;
    }
    if (piece->kind == Piece::Kind::end) return;  // pulled again, the inner body says so again
    if (piece->kind == Piece::Kind::trailers || count_ == kPieces || bytes_ + piece->data.size() > kLimit) {
      overflowed_ = true;
      for (auto& s : pieces_) s = Slice{};
      count_ = position_ = 0;
      return;
    }
    bytes_ += piece->data.size();
    pieces_[count_++] = piece->data;
    position_ = count_;
  }

  BodySource& inner_;
  std::array<Slice, kPieces> pieces_;
  std::size_t count_ = 0;
  std::size_t position_ = 0;
  std::size_t bytes_ = 0;
  bool overflowed_ = false;
};

}  // namespace gatehouse::upstream
