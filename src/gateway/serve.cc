// The one function that serves an exchange. docs/life_of_a_request.md tells its story.
#include "gateway/exchange.h"

namespace gatehouse::gateway {
namespace {

// Awaits a run of steps: the reply that one of them gave, or nothing. Costs no coroutine frame unless a step
// answered `later`.
template <class Run>
class Steps {
 public:
  explicit Steps(Run run) : run_(std::move(run)) {}
  bool await_ready() {
    verdict_ = run_();
    if (!verdict_.is_later()) return true;
    rest_ = finish(run_, std::move(verdict_));
    return rest_.done();
  }
  void await_suspend(std::coroutine_handle<> parent) noexcept {
    rest_.on_done([](void* p) noexcept { return std::coroutine_handle<>::from_address(p); },
                  parent.address());
  }
  std::optional<Reply> await_resume() {
    if (rest_) verdict_ = rest_.take();
    if (verdict_.is_reply()) return verdict_.take_reply();
    return std::nullopt;
  }

 private:
  static net::Task<Verdict> finish(Run& run, Verdict verdict) {
    while (verdict.is_later()) {
      verdict = co_await verdict.take_task();
      if (verdict.is_next()) verdict = run();
    }
    co_return verdict;
  }
  Run run_;
  Verdict verdict_ = Verdict::next();
  net::Task<Verdict> rest_;
};

}  // namespace

net::Task<void> serve(Exchange& x) {
  std::optional<Reply> reply;

  // What has to hold for every request: a normal path, headers that are nobody else's to set, no loop.
  if (auto admitted = x.admit(); !admitted) reply = co_await x.refuse({.error = admitted.error()});

  // The route; identity first where a condition asks who the user is.
  if (!reply && x.choose() == RouteChoice::Kind::needs_attributes) {
    reply = co_await Steps([&x] { return x.run_identity_steps(); });
    if (!reply) x.choose();
  }
  if (!reply && !x.route()) reply = co_await x.refuse(x.refusal());

  // The policies of the route, then its target, then what is left when that failed.
  if (!reply) reply = co_await Steps([&x] { return x.run_request_steps(); });
  if (!reply && x.unfit()) reply = co_await x.refuse({.error = *x.unfit()});
  if (!reply) {
    auto answer = co_await x.route()->target->answer(x);
    if (answer) {
      reply = std::move(*answer);
    } else {
      reply = co_await x.recover(answer.error());
    }
  }
  // Every step sees the reply that leaves: one that another put in its place goes through those that follow.
  auto respond = [&x, &reply] { return x.run_response_steps(*reply); };
  if (x.route())
    while (auto other = co_await Steps(respond)) reply = std::move(other);

  auto sent = co_await x.responder().send(*reply);
  if (!sent &&
      !x.responder().began()) {  // the body failed before the head had left: there can still be an answer
    reply = co_await x.recover(sent.error());
    x.restart_response_steps();
    if (x.route())
      while (auto other = co_await Steps(respond)) reply = std::move(other);
    sent = co_await x.responder().send(*reply);
  }
  if (!sent) x.note_failure(sent.error());
}

}  // namespace gatehouse::gateway
