#include "gateway/targets.h"

#include <array>
#include <charconv>

#include "gateway/exchange.h"
#include "gateway/forwarding.h"
#include "gateway/trace_context.h"
#include "gateway/worker.h"
#include "http/path.h"
#include "upstream/websocket.h"

namespace gatehouse::gateway {
namespace {

const CompiledRewrite& rewrite_of(const std::vector<CompiledRewrite>& rewrites, const RouteChoice& choice) {
  static const CompiledRewrite none;
  return choice.pattern < rewrites.size() ? rewrites[choice.pattern] : none;
}

// What the service learns about the client, and under which name the request can be found again.
void add_own_headers(Exchange& x) {
  http::RequestHead& head = x.request();
  TraceContext trace = trace_context(head.headers, x.worker().loop().random(), x.arena());
  x.record().trace_id = trace.trace_id;
  auto& text = *x.arena().make<std::array<char, kMaxIpText>>();
  add_forwarding(head,
                 {.peer = format_ip(x.peer(), text),
                  .scheme = head.scheme,
                  .host = head.host,
                  .request_id = x.request_id(),
                  .traceparent = trace.traceparent,
                  .from_trusted = x.from_trusted_proxy()},
                 x.arena());
}

}  // namespace

void ProxyTarget::choose(Exchange& x) const {
  std::uint32_t i = 0;
  if (parts_.versions.size() > 1) {
    const double at = x.worker().loop().random().unit() * 100;
    while (i + 1 < parts_.versions.size() && at >= parts_.versions[i].up_to) ++i;
  }
  const WeightedVersion& to = parts_.versions[i];
  x.set_picked(i);
  x.record().service = to.service->name;
  x.record().service_version = to.version->name;
  x.record().series = to.series;
}

// Prepares the request as the service shall see it; the call itself is the task that comes back.
net::Task<Result<Reply>> ProxyTarget::answer(Exchange& x) const {
  const WeightedVersion& to = parts_.versions[x.picked()];
  const Manner& manner = parts_.manners[x.picked()];
  http::RequestHead& head = x.request();
  std::string_view path =
      rewrite_path(rewrite_of(manner.rewrites, x.choice()), x.choice().captures, head.path, x.arena());
  std::string_view target = head.query.empty() ? path : x.arena().concat(path, head.query);
  if (head.asterisk) target = "*";
  add_own_headers(x);
  if (!manner.host.empty()) head.host = manner.host;
  bool websocket = !x.upgrade().empty() &&
                   upstream::offers_websocket(head, x.upgrade(), x.body() && x.body()->length() != 0);
  return upstream::call(x.worker().client(), {.service = *to.service,
                                              .version = *to.version,
                                              .head = head,
                                              .target = target,
                                              .body = x.body(),
                                              .policy = manner.policy,
                                              .arena = x.arena(),
                                              .report = x.report(),
                                              .interim = &x.responder(),
                                              .websocket = websocket});
}

net::Task<Result<Reply>> RedirectTarget::answer(Exchange& x) const {
  auto* head = x.new_response(status_);
  head->headers.add(
      http::HeaderId::location,
      redirect_target(rewrite_of(to_, x.choice()), x.choice().captures, x.request().query, x.arena()));
  co_return Reply{head, nullptr};
}

net::Task<Result<Reply>> HttpsRedirectTarget::answer(Exchange& x) const {
  const http::RequestHead& request = x.request();
  std::string_view host = http::host_without_port(request.host);
  if (host.empty())  // HTTP/1.0
    co_return fail(Errc::malformed_request, "without Host there is nowhere to be sent", Origin::client);
  std::array<char, 8> port{};
  std::string_view suffix;
  if (port_ != 443) {
    port[0] = ':';
    suffix = {port.data(), std::to_chars(port.data() + 1, port.data() + port.size(), port_).ptr};
  }
  auto* head = x.new_response(308);
  head->headers.add(http::HeaderId::location,
                    x.arena().concat("https://", host, suffix, request.path, request.query));
  co_return Reply{head, nullptr};
}

net::Task<Result<Reply>> ReplyTarget::answer(Exchange& x) const {
  auto* head = x.new_response(spec_.status);
  for (const auto& h : spec_.headers) head->headers.add(h.name, h.value.reveal());
  co_return Reply{head, upstream::make_in<upstream::TextBody>(x.arena(), spec_.body.reveal())};
}

}  // namespace gatehouse::gateway
