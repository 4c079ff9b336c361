// Message bodies are pulled: whoever wants the next piece asks for it, so back-pressure is the structure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "base/arena.h"
#include "base/block.h"
#include "base/error.h"
#include "http/message.h"
#include "net/task.h"

namespace gatehouse::upstream {

struct Tunnel;

struct Piece {
  enum class Kind : std::uint8_t { data, trailers, end };
  Kind kind = Kind::end;
  Slice data;                                   // Kind::data: never empty
  const http::HeaderTable* trailers = nullptr;  // Kind::trailers: the body has ended with these
};

// One body of one message. Thread: the loop of its exchange. After `trailers`, `end` or an error it is not
// pulled again.
class BodySource {
 public:
  virtual ~BodySource() = default;

  // Sets `out` and returns true if the next piece is there now. Costs no coroutine frame.
  virtual bool try_pull(Result<Piece>& out) = 0;
  // The next piece when it comes; only after try_pull said no. One at a time.
  virtual net::Task<Result<Piece>> pull_later() = 0;
  // Bytes in all, where the message said so; decides how the next hop is framed.
  virtual std::optional<std::uint64_t> length() const noexcept = 0;
  // The body of a `101` is the connection itself (tunnel.h): it is taken once, instead of being pulled. Null
  // for all others.
  virtual std::unique_ptr<Tunnel> take_tunnel();
};

// `co_await pull(body)`
class Pull {
 public:
  explicit Pull(BodySource& body) noexcept : body_(body) {}
  bool await_ready() {
    if (body_.try_pull(piece_)) return true;
    task_ = body_.pull_later();
    return task_.done();
  }
  void await_suspend(std::coroutine_handle<> parent) noexcept {
    task_.on_done([](void* p) noexcept { return std::coroutine_handle<>::from_address(p); },
                  parent.address());
  }
  Result<Piece> await_resume() { return task_ ? task_.take() : std::move(piece_); }

 private:
  BodySource& body_;
  Result<Piece> piece_{Piece{}};
  net::Task<Result<Piece>> task_;
};
[[nodiscard]] inline Pull pull(BodySource& body) noexcept { return Pull(body); }

// Owns an object whose memory belongs to an arena (or to whoever else outlives it): destroys, does not free.
struct DestroyOnly {
  template <class T>
  void operator()(T* p) const noexcept {
    p->~T();
  }
};
template <class T>
using ArenaPtr = std::unique_ptr<T, DestroyOnly>;
using BodyPtr = ArenaPtr<BodySource>;

template <class T, class... Args>
ArenaPtr<T> make_in(Arena& arena, Args&&... args) {
  return ArenaPtr<T>(new (arena.allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...));
}

// A body that is all there: text in the arena, or static.
class TextBody final : public BodySource {
 public:
  explicit TextBody(std::string_view text) noexcept : text_(text) {}
  bool try_pull(Result<Piece>& out) override {
    if (text_.empty()) {
      out = Piece{};
    } else {
      out = Piece{Piece::Kind::data, Slice::unowned(std::exchange(text_, {})), nullptr};
    }
    return true;
  }
  net::Task<Result<Piece>> pull_later() override { co_return Piece{}; }
  std::optional<std::uint64_t> length() const noexcept override { return length_; }

 private:
  std::string_view text_;
  std::uint64_t length_ = text_.size();
};

// An answer: head and body. Move-only. The head lives in the arena of the exchange.
struct Response {
  http::ResponseHead* head = nullptr;
  BodyPtr body;  // null = no body
};

}  // namespace gatehouse::upstream
