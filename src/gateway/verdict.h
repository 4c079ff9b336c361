// What a step of the chain answers: go on, this is the reply, or later.
#pragma once

#include <utility>

#include "net/task.h"
#include "upstream/body.h"

namespace gatehouse::gateway {

// An answer on its way to the client. Head and body memory live in the arena of the exchange.
using Reply = upstream::Response;

// Three verdicts and no more: a step never calls back into the engine.
class [[nodiscard]] Verdict {
 public:
  static Verdict next() noexcept { return Verdict(); }
  static Verdict reply(Reply r) noexcept {
    Verdict v;
    v.kind_ = Kind::reply;
    v.reply_ = std::move(r);
    return v;
  }
  static Verdict later(net::Task<Verdict> t) noexcept {
    Verdict v;
    v.kind_ = Kind::later;
    v.task_ = std::move(t);
    return v;
  }
  bool is_next() const noexcept { return kind_ == Kind::next; }
  bool is_reply() const noexcept { return kind_ == Kind::reply; }
  bool is_later() const noexcept { return kind_ == Kind::later; }
  Reply take_reply() noexcept { return std::move(reply_); }
  net::Task<Verdict> take_task() noexcept { return std::move(task_); }

 private:
  enum class Kind : std::uint8_t { next, reply, later };
  Verdict() noexcept = default;
  Kind kind_ = Kind::next;
  Reply reply_;
  net::Task<Verdict> task_;
};

}  // namespace gatehouse::gateway
