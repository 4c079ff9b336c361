#include "sim/filters.h"

#include <charconv>
#include <string>

#include "gateway/exchange.h"
#include "gateway/worker.h"

namespace gatehouse::sim {
namespace {

using gateway::Chain;
using gateway::Exchange;
using gateway::Refusal;
using gateway::Reply;
using gateway::Verdict;

// The `place`th number of x-sim-later, as milliseconds.
Duration wait_of(const Exchange& x, int place) {
  const http::Header* h = x.request().headers.find("x-sim-later");
  if (!h) return Duration(0);
  std::string_view text = h->value;
  if (place == 1) text.remove_prefix(std::min(text.size(), text.find(',') + 1));
  unsigned ms = 0;
  std::from_chars(text.data(), text.data() + text.size(), ms);
  return Duration(1ms) * ms;
}

net::Task<Verdict> next_after(net::Loop& loop, Duration wait) {
  co_await net::sleep_for(loop, wait);
  co_return Verdict::next();
}

class LaterFilter final : public gateway::FilterKind {
 public:
  std::string_view name() const noexcept override { return "sim_later"; }
  void compile(const gateway::RouteContext&, Chain& chain, config::Diagnostics&) const override {
    chain.request.push_back({&on_request, nullptr});
    chain.response.push_back({&on_response, nullptr});
  }

 private:
  static Verdict on_request(const void*, Exchange& x) {
    Duration wait = wait_of(x, 0);
    return wait > Duration(0) ? Verdict::later(next_after(x.worker().loop(), wait)) : Verdict::next();
  }
  static Verdict on_response(const void*, Exchange& x, Reply&) {
    Duration wait = wait_of(x, 1);
    return wait > Duration(0) ? Verdict::later(next_after(x.worker().loop(), wait)) : Verdict::next();
  }
};

class DenyFilter final : public gateway::FilterKind {
 public:
  std::string_view name() const noexcept override { return "sim_deny"; }
  void compile(const gateway::RouteContext&, Chain& chain, config::Diagnostics&) const override {
    chain.request.push_back({&on_request, nullptr});
  }

 private:
  static Verdict on_request(const void*, Exchange& x) {
    return x.request().headers.find("x-sim-deny") ? x.refuse_with(Errc::denied, "the simulation says so")
                                                  : Verdict::next();
  }
};

class RoleFilter final : public gateway::FilterKind {
 public:
  std::string_view name() const noexcept override { return "sim_role"; }
  void compile(const gateway::ListenerContext&, gateway::ListenerChain& chain,
               config::Diagnostics&) const override {
    chain.identity.push_back({&on_request, nullptr});
  }

 private:
  static net::Task<Verdict> establish(Exchange* x) {
    co_await net::sleep_for(x->worker().loop(), 3ms);
    const http::Header* role = x->request().headers.find("x-sim-role");
    if (role) {
      auto* item = x->arena().make<gateway::Attribute>(gateway::Attribute{"claim.role", role->value});
      x->set_attributes({item, 1});
    }
    co_return Verdict::next();
  }
  static Verdict on_request(const void*, Exchange& x) { return Verdict::later(establish(&x)); }
};

class RefusalFilter final : public gateway::FilterKind {
 public:
  std::string_view name() const noexcept override { return "sim_refusal"; }
  void compile(const gateway::ListenerContext&, gateway::ListenerChain& chain,
               config::Diagnostics&) const override {
    chain.refusal.push_back({&on_refusal, nullptr});
  }

 private:
  static Verdict on_refusal(const void*, Exchange& x, const Refusal& refusal, Reply& reply) {
    auto text = x.arena().concat(x.listener().spec.name, " ", errc_info(refusal.error.code).reason, " ",
                                 to_string(x.client()));
    reply.head->headers.add("x-sim-refusal", text);
    return Verdict::next();
  }
};

class GenerationFilter final : public gateway::FilterKind {
 public:
  std::string_view name() const noexcept override { return "sim_generation"; }
  void compile(const gateway::RouteContext& c, Chain& chain, config::Diagnostics&) const override {
    chain.response.push_back({&on_response, c.filters.own(std::string(generation_of(c.spec)))});
  }

 private:
  static Verdict on_response(const void* filter, Exchange&, Reply& reply) {
    reply.head->headers.set("x-sim-generation", *static_cast<const std::string*>(filter));
    return Verdict::next();
  }
};

}  // namespace

std::string_view generation_of(const config::Spec& spec) noexcept {
  std::string_view state = spec.state.reveal();
  return state.substr(state.rfind('-') + 1);
}

std::vector<std::unique_ptr<gateway::FilterKind>> test_filters(const FilterPlan& plan) {
  std::vector<std::unique_ptr<gateway::FilterKind>> all;
  all.push_back(std::make_unique<RoleFilter>());
  if (plan.refusal) all.push_back(std::make_unique<RefusalFilter>());
  all.push_back(std::make_unique<GenerationFilter>());
  if (plan.later) all.push_back(std::make_unique<LaterFilter>());
  all.push_back(std::make_unique<DenyFilter>());
  return all;
}

}  // namespace gatehouse::sim
