#include "upstream/url_client.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/ip.h"
#include "net/join.h"

namespace gatehouse::upstream {
namespace {

constexpr std::size_t kMostAddresses = 8;  // of a name that are tried
constexpr Duration kConnect = 2s;          // to one of them

std::string host_field(const config::WebUrl& url) {
  std::string host = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  if (url.port != (url.tls ? 443 : 80)) host += ":" + std::to_string(url.port);
  return host;
}

std::string joined(const http::HeaderTable& headers, http::HeaderId id) {
  std::string all;
  for (const http::Header& h : headers) {
    if (h.id != id) continue;
    if (!all.empty()) all += ", ";
    all += h.value;
  }
  return all;
}

std::shared_ptr<EndpointSet> endpoints(const config::WebUrl& url, const EndpointTls& tls,
                                       const std::vector<IpAddress>& addresses) {
  auto set = std::make_shared<EndpointSet>();
  set->state = EndpointSet::State::ready;
  for (std::size_t i = 0; i < std::min(addresses.size(), kMostAddresses); ++i) {
    auto address = net::SocketAddress::of(addresses[i], url.port);
    std::string name = net::to_string(address);
    set->endpoints.push_back(std::make_shared<Endpoint>(std::move(address), std::move(name), tls));
  }
  return set;
}

// Why an answer is of no use whatever its body says.
std::string_view refusal(const http::ResponseHead& head, std::size_t max_bytes,
                         std::optional<std::uint64_t> length) {
  if (head.status >= 300 && head.status < 400) return "the answer is a redirect, and none is followed";
  std::string_view coding = head.headers.value(http::HeaderId::content_encoding);
  if (!coding.empty() && coding != "identity")
    return "the answer is compressed, which it was not asked to be";
  if (length && *length > max_bytes) return "the answer is too large";
  return {};
}

}  // namespace

// A version of its own for one call: what the client keeps of it ends with the call, also if that is
// cancelled.
class UrlClient::Place {
 public:
  explicit Place(UrlClient& owner) : owner_(owner) {
    if (owner.unused_.empty()) {
      version_ = std::make_shared<SharedVersion>(owner.next_index_++);
    } else {
      version_ = std::move(owner.unused_.back());
      owner.unused_.pop_back();
    }
  }
  Place(const Place&) = delete;
  ~Place() {
    version_->slot.publish(std::make_shared<EndpointSet>());
    owner_.unused_.push_back(std::move(version_));
  }
  const std::shared_ptr<SharedVersion>& version() const noexcept { return version_; }

 private:
  UrlClient& owner_;
  std::shared_ptr<SharedVersion> version_;
};

net::Task<Result<UrlAnswer>> UrlClient::get(UrlRequest request) {
  net::Loop& loop = client_.loop();
  const Time deadline = after(loop.now(), request.within);
  auto answer = co_await net::with_deadline(loop, deadline, fetch(request, deadline));
  if (!answer || (!*answer && answer->error().code == Errc::deadline_exceeded))
    co_return fail(Errc::upstream_timeout, "no whole answer came in time", Origin::upstream);
  co_return std::move(*answer);
}

net::Task<Result<UrlAnswer>> UrlClient::fetch(const UrlRequest& request, Time deadline) {
  std::vector<IpAddress> addresses;
  if (auto ip = parse_ip(request.url.host)) {
    addresses.push_back(*ip);
  } else {
    auto found = co_await resolver_.resolve(request.url.host);
    if (!found) co_return std::unexpected(found.error());
    addresses = std::move(found->addresses);
  }
  EndpointTls tls;
  if (request.url.tls) tls = {request.tls, request.url.host};
  if (request.url.tls && !request.tls)
    co_return fail(Errc::upstream_tls, "there are no authorities to verify the certificate with");
  Place place(*this);
  place.version()->slot.publish(endpoints(request.url, tls, addresses));
  Service service;
  service.versions.push_back({"", place.version()});
  service.shared = std::make_shared<SharedService>();
  service.balance = config::Balance::round;
  CallPolicy& policy = service.policy;
  policy.deadline = deadline - client_.loop().now();
  policy.timeout = policy.body_idle = policy.deadline;
  policy.connect_timeout = std::min(kConnect, policy.deadline);
  policy.idle = Duration::zero();  // no connection is kept
  policy.retry.tries = static_cast<unsigned>(std::min(addresses.size(), kMostAddresses));
  policy.retry.on = static_cast<std::uint8_t>(config::RetryOn::connect);
  co_return co_await ask(request, service);
}

net::Task<Result<UrlAnswer>> UrlClient::ask(const UrlRequest& request, const Service& service) {
  Arena arena(client_.loop().blocks());
  http::RequestHead head(arena);
  std::string_view target = request.url.target;
  head.target = target;
  auto question = target.find('?');
  head.path = target.substr(0, question);
  head.query = question == std::string_view::npos ? std::string_view{} : target.substr(question);
  head.scheme = request.url.tls ? "https" : "http";
  head.host = arena.copy(host_field(request.url));
  head.headers.add(http::HeaderId::user_agent, "gatehouse");
  head.headers.add(http::HeaderId::accept, request.accept);
  head.headers.add(http::HeaderId::accept_encoding, "identity");
  CallReport report;
  auto answer = co_await call(client_, {.service = service,
                                        .version = service.versions.front(),
                                        .head = head,
                                        .target = target,
                                        .policy = service.policy,
                                        .arena = arena,
                                        .report = report});
  if (!answer) co_return std::unexpected(answer.error());
  const auto length = answer->body ? answer->body->length() : std::nullopt;
  if (auto why = refusal(*answer->head, request.max_bytes, length); !why.empty())
    co_return fail(Errc::upstream_malformed, why, Origin::upstream);
  UrlAnswer out{.status = answer->head->status,
                .cache_control = joined(answer->head->headers, http::HeaderId::cache_control),
                .age = std::string(answer->head->headers.value(http::HeaderId::age)),
                .content_type = std::string(answer->head->headers.value(http::HeaderId::content_type)),
                .body = {}};
  while (answer->body) {
    auto piece = co_await pull(*answer->body);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->kind != Piece::Kind::data) break;
    if (piece->data.size() > request.max_bytes - out.body.size())
      co_return fail(Errc::upstream_malformed, "the answer is too large", Origin::upstream);
    out.body += piece->data.view();
  }
  co_return out;
}

}  // namespace gatehouse::upstream
