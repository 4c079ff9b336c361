#include "upstream/replay.h"

#include <gtest/gtest.h>

#include <vector>

#include "net/memory_network.h"

namespace gatehouse::upstream {
namespace {

// Gives what it is told to, then fails.
class Given final : public BodySource {
 public:
  std::vector<Slice> pieces;
  std::vector<Slice> later;  // only for who waits
  bool try_pull(Result<Piece>& out) override {
    if (pieces.empty()) {
      if (later.empty()) out = fail(Errc::client_closed, "gone", Origin::client);
      return later.empty();
    }
    out = Piece{Piece::Kind::data, take(pieces), nullptr};
    return true;
  }
  net::Task<Result<Piece>> pull_later() override { co_return Piece{Piece::Kind::data, take(later), nullptr}; }
  std::optional<std::uint64_t> length() const noexcept override { return std::nullopt; }

 private:
  static Slice take(std::vector<Slice>& from) {
    Slice first = std::move(from.front());
    from.erase(from.begin());
    return first;
  }
};

class Replay : public ::testing::Test {
 protected:
  Slice piece(std::size_t size, std::size_t capacity) {
    BlockRef block = blocks.get(capacity);
    char* p = block->data();
    std::memset(p, 'x', size);
    return {std::move(block), p, size};
  }
  // What the next piece has; 0 if there is none now, or it failed.
  std::size_t next(ReplayBody& body) {
    Result<Piece> out{Piece{}};
    return body.try_pull(out) && out ? out->data.size() : 0;
  }
  std::size_t wait(ReplayBody& body) { return body.pull_later().take()->data.size(); }

  BlockPool blocks;
  Given given;
};

TEST_F(Replay, AByteDoesNotPinABlock) {
  for (int i = 0; i < 6; ++i) given.pieces.push_back(piece(100, BlockPool::kLarge));
  ReplayBody body(given, blocks, false);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(next(body), 100U);
  EXPECT_EQ(blocks.in_use(), 6U);
  EXPECT_EQ(blocks.free_bytes(), 6 * BlockPool::kLarge) << "what came in them went";
  EXPECT_TRUE(body.rewind());
  for (int i = 0; i < 6; ++i) EXPECT_EQ(next(body), 100U);
}

TEST_F(Replay, ItsMemoryIsBounded) {
  for (int i = 0; i < 6; ++i) given.pieces.push_back(piece(5000, BlockPool::kMedium));
  ReplayBody body(given, blocks, false);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(next(body), 5000U);
  EXPECT_TRUE(body.rewind());
  for (int i = 0; i < 6; ++i) EXPECT_EQ(next(body), 5000U);
  EXPECT_FALSE(body.rewind()) << "six would hold 96 KB";
  EXPECT_EQ(blocks.in_use(), 0U);
}

TEST_F(Replay, WhatCannotBeSentAgainIsForgotten) {
  given.pieces.push_back(piece(100, BlockPool::kSmall));
  given.later.push_back(piece(100, BlockPool::kSmall));
  ReplayBody body(given, blocks, true);
  EXPECT_EQ(next(body), 100U);
  EXPECT_EQ(blocks.in_use(), 2U);
  EXPECT_EQ(wait(body), 100U);
  EXPECT_EQ(blocks.in_use(), 0U);
  EXPECT_FALSE(body.rewind());
}

TEST_F(Replay, ABodyThatBrokeOffIsForgotten) {
  given.pieces.push_back(piece(100, BlockPool::kSmall));
  ReplayBody body(given, blocks, false);
  EXPECT_EQ(next(body), 100U);
  EXPECT_EQ(next(body), 0U);
  EXPECT_FALSE(body.rewind());
  EXPECT_EQ(blocks.in_use(), 0U);
}

TEST_F(Replay, WhatIsStillToBePulledIsNotForgotten) {
  for (int i = 0; i < 2; ++i) given.pieces.push_back(piece(100, BlockPool::kSmall));
  ReplayBody body(given, blocks, false);
  EXPECT_EQ(next(body) + next(body), 200U);
  EXPECT_TRUE(body.rewind());
  EXPECT_EQ(next(body), 100U);
  body.stop();
  EXPECT_EQ(blocks.in_use(), 1U);
  EXPECT_EQ(next(body), 100U);
  EXPECT_EQ(blocks.in_use(), 0U);
}

}  // namespace
}  // namespace gatehouse::upstream
