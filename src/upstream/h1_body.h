// The body of an HTTP/1 message as it comes from a stream: by length, chunked, or until the end of the
// connection.
#pragma once

#include <span>
#include <string_view>

#include "base/arena.h"
#include "http/chunked.h"
#include "http/framing.h"
#include "net/stream.h"
#include "upstream/body.h"

namespace gatehouse::upstream {

// Whose body it is and how patient we are.
struct H1BodyPolicy {
  Origin sender = Origin::client;
  Duration idle{30s};           // nothing moved for this long
  std::uint64_t max_bytes = 0;  // 0 = no limit; body_too_large beyond it
  std::uint64_t min_rate = 0;   // bytes per second while the peer is waited for (net/min_rate.h); 0 = off
  // Names that are removed from the trailers, in every spelling that folds to them.
  std::span<const std::string_view> reserved{};
};

// Pulls from `input` (bytes that came with the head; what follows the body stays there) and then from the
// stream. References must outlive it; nobody else receives from the stream meanwhile.
class H1Body final : public BodySource {
 public:
  H1Body(net::Stream& stream, Slice& input, const http::Framing& framing, Arena& arena,
         const H1BodyPolicy& policy)
      : stream_(stream),
        input_(input),
        arena_(arena),
        policy_(policy),
        framing_(framing),
        left_(framing.length),
        rate_(policy.min_rate ? arena.make<net::MinRate>(policy.min_rate) : nullptr),
        finished_(framing.kind == http::Framing::Kind::none ||
                  (framing.kind == http::Framing::Kind::length && framing.length == 0)),
        chunks_(framing.kind == http::Framing::Kind::chunked ? arena.make<Chunks>(arena) : nullptr) {
    if (rate_) rate_->add(input.size());
  }

  bool try_pull(Result<Piece>& out) override;
  net::Task<Result<Piece>> pull_later() override;
  std::optional<std::uint64_t> length() const noexcept override;

  bool finished() const noexcept {
    return finished_;
  }  // read to its end: the connection may carry another message
  bool failed() const noexcept { return failed_; }  // nobody can say where the next message begins
  std::uint64_t received() const noexcept { return received_; }
  // Bytes still announced; nullopt if unknown.
  std::optional<std::uint64_t> remaining() const noexcept;

 private:
  struct Chunks {
    explicit Chunks(Arena& arena) noexcept : trailers(arena) {}
    http::ChunkedDecoder decoder;
    http::HeaderTable trailers;
  };
  bool decode(Result<Piece>& out);
  bool decode_chunked(Result<Piece>& out);
  bool on_bytes(std::size_t n, Result<Piece>& out) noexcept;  // false: a limit is exceeded, and out says so
  std::unexpected<Error> break_off(Errc client, Errc service, std::string_view detail) noexcept;

  net::Stream& stream_;
  Slice& input_;
  Arena& arena_;
  H1BodyPolicy policy_;
  http::Framing framing_;
  std::uint64_t left_;
  std::uint64_t received_ = 0;
  std::size_t read_size_ = BlockPool::kMedium;
  net::MinRate* rate_;  // null = off; in the arena, like what only chunks need: most bodies have neither
  bool finished_;
  bool failed_ = false;
  Chunks* chunks_;  // null where the framing is another
};

}  // namespace gatehouse::upstream
