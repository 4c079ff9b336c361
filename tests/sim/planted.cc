#include "sim/planted.h"

#include <array>

#include "gateway/exchange.h"

namespace gatehouse::sim {
namespace {

using gateway::Exchange;
using gateway::Reply;
using gateway::Verdict;

constexpr std::array<std::string_view, static_cast<std::size_t>(Bug::last_)> kNames = {
    "none",           "lost_lease",      "post_twice",
    "lost_wake",      "dropped_byte",    "duplicated_byte",
    "missed_reload",  "leaked_pin",      "unarmed_timeout",
    "wrong_answer",   "endless_drain",   "open_door",
    "forgotten_edit", "lopsided_split",  "no_max_body",
    "no_min_rate",    "wide_service",    "narrow_service",
    "wide_door",      "narrow_door",     "endless_handshake",
    "torn_record",    "old_certificate", "credulous",
    "ignored_check",  "no_return",       "lost_first_word"};

// Says the last byte of a body twice.
class StutteringBody final : public upstream::BodySource {
 public:
  explicit StutteringBody(upstream::BodyPtr inner) : inner_(std::move(inner)) {}
  bool try_pull(Result<upstream::Piece>& out) override {
    if (held_) {
      out = *std::exchange(held_, std::nullopt);
      return true;
    }
    if (!inner_->try_pull(out)) return false;
    stutter(out);
    return true;
  }
  net::Task<Result<upstream::Piece>> pull_later() override {
    auto piece = co_await inner_->pull_later();
    stutter(piece);
    co_return piece;
  }
  std::optional<std::uint64_t> length() const noexcept override { return std::nullopt; }

 private:
  using Kind = upstream::Piece::Kind;
  void stutter(Result<upstream::Piece>& piece) {
    if (!piece) return;
    if (piece->kind == Kind::data) {
      last_ = piece->data;
      last_.remove_prefix(last_.size() - 1);
    } else if (!last_.empty()) {
      held_ = *piece;
      piece = upstream::Piece{Kind::data, std::exchange(last_, Slice{}), nullptr};
    }
  }
  upstream::BodyPtr inner_;
  Slice last_;
  std::optional<Result<upstream::Piece>> held_;
};

void leak_lease(Planted& planted, Exchange& x) {
  const upstream::Service* service = x.snapshot().service("alpha");
  Result<upstream::Lease> lease{upstream::Lease()};
  (void)x.worker().client().try_acquire(*service, service->versions.front(), {}, lease);
  if (lease && lease->valid()) planted.leases.push_back(std::move(*lease));
}

class FaultyFilter final : public gateway::FilterKind {
 public:
  explicit FaultyFilter(Planted& planted) : planted_(planted) {}
  std::string_view name() const noexcept override { return "sim_faulty"; }
  void compile(const gateway::RouteContext& c, gateway::Chain& chain, config::Diagnostics&) const override {
    chain.request.push_back({&on_request, &planted_});
    if (!c.route.to.empty()) chain.response.push_back({&on_response, &planted_});
  }

 private:
  static Planted& of(const void* p) { return *static_cast<Planted*>(const_cast<void*>(p)); }
  static Verdict on_request(const void* p, Exchange& x) {
    Planted& planted = of(p);
    if (planted.is(Bug::lost_lease) && planted.strikes(10)) leak_lease(planted, x);
    if (planted.is(Bug::leaked_pin) && planted.strikes(5)) planted.pins.push_back(x.worker().pin());
    return Verdict::next();
  }
  static Verdict on_response(const void* p, Exchange& x, Reply& reply) {
    Planted& planted = of(p);
    if (planted.is(Bug::duplicated_byte) && reply.body && planted.strikes(5))
      reply.body = upstream::make_in<StutteringBody>(x.arena(), std::move(reply.body));
    if (planted.is(Bug::wrong_answer)) {
      const http::Header* id = reply.head->headers.find("x-sim-id");
      if (!id) return Verdict::next();
      std::string mine(id->value);
      if (planted.strikes(5)) reply.head->headers.set("x-sim-id", x.arena().copy(planted.last_id));
      planted.last_id = mine;
    }
    return Verdict::next();
  }
  Planted& planted_;
};

}  // namespace

std::string_view name_of(Bug bug) noexcept { return kNames[static_cast<std::size_t>(bug)]; }

std::optional<Bug> bug_named(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return static_cast<Bug>(i);
  return std::nullopt;
}

void Planted::add_filters(std::vector<std::unique_ptr<gateway::FilterKind>>& filters) {
  if (bug_ == Bug::none) return;
  filters.push_back(std::make_unique<FaultyFilter>(*this));
}

void Planted::release() noexcept {
  leases.clear();
  pins.clear();
}

}  // namespace gatehouse::sim
