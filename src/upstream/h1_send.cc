#include "upstream/h1_send.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "http/chunked.h"
#include "http/h1_writer.h"

namespace gatehouse::upstream {
namespace {

using Kind = http::Framing::Kind;

constexpr std::size_t kFlushAt = 128 * 1024;  // bytes gathered before they are sent; bounds memory per stream
constexpr std::uint64_t kBytesInTurn = 1024 * 1024;  // between two peers that are always ready
constexpr std::size_t kCopyBelow =
    1024;  // a small piece costs less to copy than to send as a part of its own

// Gathers what is to leave in one write.
class Gather {
 public:
  Gather(BlockPool& blocks, Slice head) noexcept : blocks_(blocks), tail_(std::move(head)) {}

  // Room for one more data piece with its chunk framing?
  bool full() const noexcept { return list_.count() + 4 > net::SliceList::kMax || bytes() >= kFlushAt; }
  std::size_t bytes() const noexcept { return list_.bytes() + tail_.size(); }

  void text(std::string_view s) {
    Slice more = Slice::unowned(s);
    tail_ = tail_.empty() ? copy(s) : net::joined(blocks_, std::move(tail_), more);
  }
  void data(Slice s) {
    if (s.size() <= kCopyBelow) return text(s.view());
    flush_tail();
    list_.add(std::move(s));
  }
  net::SliceList take() {
    flush_tail();
    return std::exchange(list_, {});
  }

 private:
  Slice copy(std::string_view s) {
    BlockRef b = blocks_.get(std::max(BlockPool::kSmall, s.size()));
    char* p = b->data();
    std::memcpy(p, s.data(), s.size());
    return {std::move(b), p, s.size()};
  }
  void flush_tail() {
    if (!tail_.empty()) list_.add(std::exchange(tail_, Slice{}));
  }
  BlockPool& blocks_;
  Slice tail_;
  net::SliceList list_;
};

void add_piece(Gather& out, Piece& piece, Kind framing, SendProgress& progress) {
  if (piece.kind == Piece::Kind::data) {
    progress.body_bytes += piece.data.size();
    if (framing != Kind::chunked) return out.data(std::move(piece.data));
    std::array<char, 20> header;
    out.text({header.data(), http::write_chunk_header(piece.data.size(), header)});
    out.data(std::move(piece.data));
    return out.text("\r\n");
  }
  if (framing != Kind::chunked) return;
  if (!piece.trailers) return out.text("0\r\n\r\n");
  std::array<char, 16 * 1024> buffer;  // trailers are bounded at 8 KB where they are read
  if (http::trailers_size_bound(*piece.trailers) > buffer.size()) return out.text("0\r\n\r\n");
  out.text({buffer.data(), http::write_last_chunk(piece.trailers, buffer)});
}

}  // namespace

net::Task<Result<void>> send_with_body(net::Stream& stream, Slice head, BodySource& body,
                                       http::Framing framing, SendPatience patience, SendProgress& progress) {
  Gather out(stream.loop().blocks(), std::move(head));
  net::MinRate rate(patience.min_rate);
  net::TurnShare share(kBytesInTurn);
  bool ended = false;
  while (!ended || out.bytes()) {
    Result<Piece> piece{Piece{}};
    if (ended || out.full() || !body.try_pull(piece)) {
      if (out.bytes()) {
        progress.began = true;
        ++progress.sends;
        std::size_t bytes = out.bytes();
        auto sent = co_await stream.send(out.take(), patience.idle, rate.on() ? &rate : nullptr);
        if (!sent) co_return std::unexpected(sent.error());
        // a byte costs nearly what a block does
        if (share.spent(stream.loop().now(), std::max(bytes, BlockPool::kSmall)))
          co_await net::yield(stream.loop());
        continue;
      }
      piece = co_await body.pull_later();
    }
    if (!piece) {
      // what came before the failure still belongs to the peer, once a head has left
      if (out.bytes() && progress.began) (void)co_await stream.send(out.take(), patience.idle);
      co_return std::unexpected(piece.error());
    }
    ended = piece->kind != Piece::Kind::data;
    add_piece(out, *piece, framing.kind, progress);
  }
  progress.complete = true;
  co_return {};
}

}  // namespace gatehouse::upstream
