#include "upstream/h1_body.h"

#include <algorithm>

namespace gatehouse::upstream {
namespace {

using Kind = http::Framing::Kind;

}  // namespace

std::optional<std::uint64_t> H1Body::length() const noexcept {
  switch (framing_.kind) {
    case Kind::none: return 0;
    case Kind::length: return framing_.length;
    default: return std::nullopt;
  }
}

std::optional<std::uint64_t> H1Body::remaining() const noexcept {
  if (finished_) return 0;
  if (framing_.kind == Kind::length) return left_;
  return std::nullopt;
}

std::unexpected<Error> H1Body::break_off(Errc client, Errc service, std::string_view detail) noexcept {
  failed_ = true;
  return fail(policy_.sender == Origin::client ? client : service, detail, policy_.sender);
}

bool H1Body::on_bytes(std::size_t n, Result<Piece>& out) noexcept {
  received_ += n;
  if (policy_.max_bytes == 0 || received_ <= policy_.max_bytes) return true;
  out = break_off(Errc::body_too_large, Errc::upstream_malformed, "the body is larger than max_body");
  return false;
}

bool H1Body::try_pull(Result<Piece>& out) {
  if (finished_) {
    out = Piece{};
    return true;
  }
  return !input_.empty() && decode(out);
}

bool H1Body::decode(Result<Piece>& out) {
  if (framing_.kind == Kind::chunked) return decode_chunked(out);
  std::size_t n = input_.size();
  if (framing_.kind == Kind::length) {
    n = static_cast<std::size_t>(std::min<std::uint64_t>(n, left_));
    left_ -= n;
    finished_ = left_ == 0;
  }
  if (!on_bytes(n, out)) return true;
  Piece piece{Piece::Kind::data, {}, nullptr};
  if (n == input_.size()) {
    piece.data = std::exchange(input_, Slice{});
  } else {
    piece.data = input_.first(n);
    input_.remove_prefix(n);
  }
  out = std::move(piece);
  return true;
}

bool H1Body::decode_chunked(Result<Piece>& out) {
  http::HeaderTable& trailers = chunks_->trailers;
  while (!input_.empty()) {
    auto step = chunks_->decoder.feed(input_.view(), arena_);
    if (!step) {
      out = break_off(step.error().code, Errc::upstream_malformed, step.error().detail);
      return true;
    }
    Slice whole = input_;
    input_.remove_prefix(step->consumed);
    using Event = http::ChunkedDecoder::Event;
    if (step->event == Event::data) {
      if (!on_bytes(step->data.size(), out)) return true;
      out = Piece{Piece::Kind::data, Slice(whole.block(), step->data.data(), step->data.size()), nullptr};
      if (input_.empty()) input_ = Slice{};  // gives the block's share back early
      return true;
    }
    if (step->event == Event::more) continue;
    if (step->event == Event::end) {
      finished_ = true;
      out = Piece{};
    } else if (auto parsed = chunks_->decoder.trailers(trailers); parsed) {
      finished_ = true;
      trailers.remove_if([this](const http::Header& h) {
        return std::ranges::any_of(policy_.reserved,
                                   [&](std::string_view name) { return http::folds_to(h.name, name); });
      });
      out = Piece{trailers.empty() ? Piece::Kind::end : Piece::Kind::trailers, {}, &trailers};
    } else {
      out = break_off(parsed.error().code, Errc::upstream_malformed, parsed.error().detail);
    }
    if (input_.empty()) input_ = Slice{};  // an idle connection holds no block
    return true;
  }
  input_ = Slice{};
  return false;
}

net::Task<Result<Piece>> H1Body::pull_later() {
  Result<Piece> out{Piece{}};
  for (;;) {
    if (rate_) rate_->begin(stream_.loop().now());  // the sender alone is waited for now
    Time slow = rate_ ? rate_->fails_at() : kNever;
    Time idle = after(stream_.loop().now(), policy_.idle);
    auto bytes = co_await stream_.recv(read_size_, std::min(slow, idle));
    if (rate_) {
      if (bytes) rate_->add(bytes->size());
      rate_->end(stream_.loop().now());
    }
    bool timed_out = !bytes && bytes.error().code == Errc::io_timeout;
    if ((rate_ && rate_->too_slow()) || (timed_out && slow < idle))
      co_return break_off(Errc::client_too_slow, Errc::upstream_idle, "the body comes too slowly");
    if (timed_out)
      co_return break_off(Errc::client_timeout, Errc::upstream_idle, "no byte of the body came in time");
    if (!bytes)
      co_return break_off(Errc::client_closed, Errc::upstream_reset, "the connection was reset in the body");
    if (bytes->empty()) {
      if (framing_.kind == Kind::until_close) {
        finished_ = true;
        co_return Piece{};
      }
      co_return break_off(Errc::client_closed, Errc::upstream_truncated,
                          "the connection ended before the body did");
    }
    // A block that came full promises more: bulk is read in larger ones.
    read_size_ = bytes->size() + sizeof(Block) >= read_size_ ? BlockPool::kLarge : BlockPool::kMedium;
    input_ = std::move(*bytes);
    if (decode(out)) co_return out;
  }
}

}  // namespace gatehouse::upstream
