#include "filters/headers/headers_filter.h"

#include <algorithm>

#include "filters/headers/header_edits.h"
#include "gateway/exchange.h"

namespace gatehouse::filters {
namespace {

using gateway::Exchange;
using gateway::Reply;
using gateway::Verdict;

Verdict edit_request(const void* filter, Exchange& x) {
  static_cast<const HeaderEdits*>(filter)->apply(x.request().headers);
  return Verdict::next();
}

Verdict edit_response(const void* filter, Exchange&, Reply& reply) {
  static_cast<const HeaderEdits*>(filter)->apply(reply.head->headers);
  return Verdict::next();
}

bool same(const config::HeaderOps& a, const config::HeaderOps& b) {
  auto items = [](const auto& x, const auto& y) {
    return std::ranges::equal(
        x, y, [](const auto& i, const auto& j) { return i.name == j.name && i.value == j.value; });
  };
  return items(a.set, b.set) && items(a.add, b.add) && a.remove == b.remove;
}

class HeadersFilter final : public gateway::FilterKind {
 public:
  std::string_view name() const noexcept override { return "headers"; }

  void compile(const gateway::RouteContext& context, gateway::Chain& chain,
               config::Diagnostics& diagnostics) const override {
    check_split(context, diagnostics);
    HeaderEdits request(Direction::request);
    HeaderEdits response(Direction::response);
    auto add = [&](const config::HeadersSpec& spec, const config::Location& at) {
      request.add(spec.request, at, diagnostics);
      response.add(spec.response, at, diagnostics);
    };
    if (context.service) add(context.service->headers, context.service->at);
    add(context.route.headers, context.route.at);
    if (!request.empty()) chain.request.push_back({&edit_request, context.filters.own(std::move(request))});
    if (!response.empty())
      chain.response.push_back({&edit_response, context.filters.own(std::move(response))});
  }

 private:
  // Which service of a split answers is decided after the request steps: their own headers could not differ.
  static void check_split(const gateway::RouteContext& context, config::Diagnostics& diagnostics) {
    for (const config::Target& t : context.route.to) {
      auto s = std::ranges::find(context.spec.services, t.service, &config::ServiceSpec::name);
      if (s == context.spec.services.end() || !context.service) continue;
      if (same(s->headers.request, context.service->headers.request) &&
          same(s->headers.response, context.service->headers.response))
        continue;
      diagnostics.push_back({config::Diagnostic::Level::error, context.route.at,
                             "the route splits between `" + context.service->name + "` and `" + s->name +
                                 "`, whose `headers` differ",
                             "Write the same `headers` in both services, or put them into the route."});
      return;
    }
  }
};

}  // namespace

std::unique_ptr<gateway::FilterKind> headers_filter() { return std::make_unique<HeadersFilter>(); }

}  // namespace gatehouse::filters
