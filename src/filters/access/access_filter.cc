#include "filters/access/access_filter.h"

#include <algorithm>

#include "filters/access/access_rule.h"
#include "gateway/exchange.h"

namespace gatehouse::filters {
namespace {

using gateway::Exchange;
using gateway::Verdict;

Verdict judge(const void* filter, Exchange& x) {
  auto refused = static_cast<const AccessRule*>(filter)->judge(x.listener().spec.name, x.client());
  if (!refused) [[likely]]
    return Verdict::next();
  return x.refuse_with(refused->code, refused->detail);
}

class AccessFilter final : public gateway::FilterKind {
 public:
  std::string_view name() const noexcept override { return "access"; }

  void compile(const gateway::RouteContext& context, gateway::Chain& chain,
               config::Diagnostics&) const override {
    AccessRule rule;
    for (const config::Target& t : context.route.to) {
      auto s = std::ranges::find(context.spec.services, t.service, &config::ServiceSpec::name);
      if (s != context.spec.services.end()) rule.add(*s);
    }
    if (!rule.empty()) chain.request.push_back({&judge, context.filters.own(std::move(rule))});
  }
};

}  // namespace

std::unique_ptr<gateway::FilterKind> access_filter() { return std::make_unique<AccessFilter>(); }

}  // namespace gatehouse::filters
