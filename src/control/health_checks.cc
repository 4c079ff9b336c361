#include "control/health_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "http/path.h"
#include "net/join.h"

namespace gatehouse::control {
namespace {

constexpr std::size_t kDrainLimit =
    std::size_t{64} * 1024;  // of an answer's body; what says more loses its connection

std::string host_of(const config::ServiceSpec& service, const config::VersionSpec& version) {
  if (!service.host.empty()) return service.host;
  const config::UrlSpec& url = version.urls.front();
  if (!url.unix_path.empty()) return "localhost";
  std::string host = url.host.find(':') == std::string::npos ? url.host : fmt::format("[{}]", url.host);
  return url.port == 80 ? host : fmt::format("{}:{}", host, url.port);
}

}  // namespace

struct HealthChecks::Check {
  config::HealthSpec spec;
  std::string name;  // service, or service.version
  std::string host;
  upstream::Service service;  // of this one endpoint alone
  std::shared_ptr<upstream::Endpoint> endpoint;
  CheckStatus status;
  net::Task<void> task;
};

HealthChecks::HealthChecks(upstream::Client& client, const EndpointDirectory& endpoints)
    : client_(client), endpoints_(endpoints) {}
HealthChecks::~HealthChecks() = default;

std::shared_ptr<upstream::SharedVersion> HealthChecks::private_version() {
  if (unused_.empty()) return std::make_shared<upstream::SharedVersion>(next_index_++);
  auto v = std::move(unused_.back());
  unused_.pop_back();
  return v;
}

// What of a check comes from the configuration; from its next turn on.
void HealthChecks::configure(Check& c, const config::ServiceSpec& service,
                             const config::VersionSpec& version) {
  c.spec = *service.health;
  c.host = host_of(service, version);
  upstream::CallPolicy& policy = c.service.policy;
  policy.timeout = std::min(service.timeout, service.health->every);
  policy.connect_timeout = std::min(service.connect_timeout, service.health->every);
  policy.deadline = service.health->every;
  policy.retry.tries = 1;
}

void HealthChecks::begin(Check& c, const std::string& name, std::shared_ptr<upstream::Endpoint> endpoint) {
  c.name = name;
  c.endpoint = std::move(endpoint);
  c.service.name = name;
  c.service.shared = std::make_shared<upstream::SharedService>();
  c.service.versions.push_back({"", private_version()});
  auto alone = std::make_shared<upstream::EndpointSet>();
  alone->state = upstream::EndpointSet::State::ready;
  alone->endpoints = {c.endpoint};
  c.service.versions.front().shared->slot.publish(std::move(alone));
  c.task = keep_checking(c);
}

void HealthChecks::end(Check& c) {
  c.task.cancel();
  c.endpoint->set_checked(true);  // nobody would bring it back
  auto version = c.service.versions.front().shared;
  version->slot.publish(std::make_shared<upstream::EndpointSet>());
  unused_.push_back(std::move(version));
}

void HealthChecks::refresh() {
  const auto& snapshot = endpoints_.snapshot();
  if (!snapshot) return;
  std::set<Key> wanted;
  for (const auto& service : snapshot->spec().services) {
    const upstream::Service* s = snapshot->service(service.name);
    if (!service.health || !s) continue;
    for (std::size_t i = 0; i < service.versions.size() && i < s->versions.size(); ++i) {
      const auto& version = service.versions[i];
      std::string name = version.name.empty() ? service.name : service.name + "." + version.name;
      for (const auto& endpoint : s->versions[i].shared->slot.load()->endpoints) {
        Key key{name, endpoint.get()};
        wanted.insert(key);
        auto& check = checks_[key];
        bool fresh = check == nullptr;
        if (fresh) check = std::make_unique<Check>();
        configure(*check, service, version);
        if (fresh) begin(*check, name, endpoint);
      }
    }
  }
  std::erase_if(checks_, [&](auto& item) {
    if (wanted.contains(item.first)) return false;
    end(*item.second);
    return true;
  });
}

const CheckStatus* HealthChecks::status(const upstream::Endpoint& endpoint) const noexcept {
  auto c = std::ranges::find_if(checks_, [&](const auto& item) { return item.first.second == &endpoint; });
  return c == checks_.end() ? nullptr : &c->second->status;
}

net::Task<void> HealthChecks::keep_checking(Check& c) {
  net::Loop& loop = client_.loop();
  // The first at once, but not all in one turn: after a reload there may be thousands.
  co_await net::sleep_for(loop, std::chrono::duration_cast<Duration>(std::min<Duration>(c.spec.every, 1s) *
                                                                     loop.random().unit()));
  for (;;) {
    Time next = after(loop.now(), c.spec.every);
    auto result = co_await net::with_deadline(loop, next, check_once(c));
    take(c, result ? *std::move(result)
                   : fail(Errc::upstream_timeout, "no whole answer came before the next check",
                          Origin::upstream));
    co_await net::sleep_until(loop, next);
  }
}

net::Task<Result<void>> HealthChecks::check_once(Check& c) {
  Arena arena(client_.loop().blocks());
  http::RequestHead head(arena);
  std::string_view target = arena.copy(c.spec.path);
  head.target = target;
  auto question = target.find('?');
  head.path = target.substr(0, question);
  head.query = question == std::string_view::npos ? std::string_view{} : target.substr(question);
  head.host = arena.copy(c.host);
  head.headers.add(http::HeaderId::user_agent, "gatehouse-health");
  head.headers.add(http::HeaderId::accept, "*/*");
  upstream::CallReport report;
  // A copy: a reload may change the policy while the answer is still coming.
  upstream::CallPolicy policy = c.service.policy;
  auto answer = co_await upstream::call(client_, {.service = c.service,
                                                  .version = c.service.versions.front(),
                                                  .head = head,
                                                  .target = target,
                                                  .policy = policy,
                                                  .arena = arena,
                                                  .report = report});
  if (!answer) co_return std::unexpected(answer.error());
  std::uint16_t status = answer->head->status;
  // The body to its end, so that the connection can be used again.
  std::size_t bytes = 0;
  while (answer->body && bytes < kDrainLimit) {
    auto piece = co_await upstream::pull(*answer->body);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->kind != upstream::Piece::Kind::data) break;
    bytes += piece->data.size();
  }
  if (status < 200 || status >= 400)
    co_return fail(Errc::upstream_malformed, "the status is neither 2xx nor 3xx", Origin::upstream);
  co_return Result<void>{};
}

void HealthChecks::take(Check& c, const Result<void>& result) {
  CheckStatus& s = c.status;
  ++s.checks;
  if (!result) ++s.failures;
  s.failure = result                          ? std::string_view{}
              : result.error().detail.empty() ? errc_info(result.error().code).reason
                                              : result.error().detail;
  if (result.has_value() == s.up) {
    s.streak = 0;
    return;
  }
  ++s.streak;
  if (s.streak < (s.up ? c.spec.fall : c.spec.rise)) return;
  s.up = !s.up;
  s.streak = 0;
  c.endpoint->set_checked(s.up);
  if (on_turn) on_turn(c.name, *c.endpoint, s);
}

}  // namespace gatehouse::control
