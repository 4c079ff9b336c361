#include "control/endpoint_directory.h"

#include <algorithm>
#include <set>

#include "base/ip.h"
#include "net/join.h"

namespace gatehouse::control {
namespace {

constexpr Duration kShortestTtl = 1s;  // a TTL of 0 must not become a storm of look-ups
constexpr Duration kLongestTtl = 5min;
constexpr Duration kFirstRetry = 1s;  // after a failure; doubles up to kLastRetry
constexpr Duration kLastRetry = 30s;
constexpr std::string_view kNotAsked = "the name is still being looked up";

bool is_name(const config::UrlSpec& url) { return url.unix_path.empty() && !parse_ip(url.host); }

template <class F>
void for_each_name(const gateway::Snapshot& snapshot, F f) {
  for (const auto& service : snapshot.spec().services)
    for (const auto& version : service.versions)
      for (const auto& url : version.urls)
        if (is_name(url)) f(url);
}

const upstream::ServiceVersion* version_of(const gateway::Snapshot& snapshot, const std::string& service,
                                           const std::string& version) {
  const upstream::Service* s = snapshot.service(service);
  if (!s) return nullptr;
  for (const auto& v : s->versions)
    if (v.name == version) return &v;
  return nullptr;
}

// A version whose list of URLs has changed is another one, but a machine that is in both lists keeps its
// health and its pooled connections.
std::vector<std::shared_ptr<upstream::Endpoint>> endpoints_before(const gateway::Snapshot* before,
                                                                  const std::string& service,
                                                                  const std::string& version) {
  const upstream::ServiceVersion* v = before ? version_of(*before, service, version) : nullptr;
  if (!v) return {};
  return v->shared->slot.load()->endpoints;
}

}  // namespace

struct EndpointDirectory::Name {
  explicit Name(std::string t) : text(std::move(t)) {}
  const std::string text;
  std::string shown;  // the source of a URL that holds it, unless one holds it in the open
  bool answered = false;
  std::string_view failure;
  std::vector<IpAddress> addresses;  // the last that it had
  Duration wait{};                   // until the next look-up
  Duration retry = kFirstRetry;
  net::Task<void> task;
};

EndpointDirectory::EndpointDirectory(net::Loop& loop, net::Resolver& resolver)
    : loop_(loop), resolver_(resolver), answered_(loop) {}
EndpointDirectory::~EndpointDirectory() = default;

EndpointDirectory::Name& EndpointDirectory::name(const config::UrlSpec& url) {
  auto& n = names_[url.host];
  bool fresh = n == nullptr;
  if (fresh) n = std::make_unique<Name>(url.host);
  if (!url.secret || n->shown.empty()) n->shown = url.secret ? url.text : url.host;
  if (fresh) n->task = keep_resolved(*n);
  return *n;
}

net::Task<void> EndpointDirectory::keep_resolved(Name& n) {
  for (;;) {
    take(n, co_await resolver_.resolve(n.text));
    co_await net::sleep_for(loop_, n.wait);
  }
}

// Whatever the reason: no answer yet, or a failure.
void EndpointDirectory::recall(Name& n) {
  auto known = remembered_.find(n.text);
  if (known == remembered_.end() || !n.addresses.empty()) return;
  n.addresses = std::move(known->second);
  remembered_.erase(known);
  if (on_recall) on_recall(n.shown);
}

void EndpointDirectory::take(Name& n, Result<net::Resolution> answer) {
  bool changed = !n.answered;
  std::string_view failure;
  if (answer) {
    n.wait = std::clamp(answer->ttl, kShortestTtl, kLongestTtl);
    n.retry = kFirstRetry;
    changed = changed || n.addresses != answer->addresses;
    n.addresses = std::move(answer->addresses);
    remembered_.erase(n.text);
  } else {
    recall(n);
    failure = answer.error().detail.empty() ? "the name does not resolve" : answer.error().detail;
    n.wait = n.retry;
    n.retry = std::min(n.retry * 2, kLastRetry);
  }
  bool turned = !n.answered ? !failure.empty() : failure.empty() != n.failure.empty();
  changed = changed || failure != n.failure;
  n.answered = true;
  n.failure = failure;
  if (turned && on_name) on_name(n.shown, failure);
  if (changed) publish_users_of(n.text);
  answered_.notify();
}

net::Task<void> EndpointDirectory::prepare(std::shared_ptr<const gateway::Snapshot> snapshot, Time deadline) {
  std::vector<std::string> waiting;
  for_each_name(*snapshot, [&](const config::UrlSpec& url) {
    if (!name(url).answered) waiting.push_back(url.host);
  });
  auto open = [&] {
    return std::ranges::any_of(waiting, [&](const std::string& text) {
      auto n = names_.find(text);
      return n != names_.end() && !n->second->answered;
    });
  };
  auto next_answer = [](net::Signal& signal) -> net::Task<bool> {
    co_await signal.wait();
    co_return true;
  };
  while (open())
    if (!co_await net::with_deadline(loop_, deadline, next_answer(answered_))) break;
}

void EndpointDirectory::apply(std::shared_ptr<const gateway::Snapshot> snapshot) {
  auto before = std::exchange(current_, std::move(snapshot));
  for (auto& [text, n] : names_) n->shown.clear();  // as this snapshot writes them
  std::set<std::string> used;
  for_each_name(*current_, [&](const config::UrlSpec& url) {
    Name& n = name(url);
    if (!n.answered) recall(n);  // nobody shall wait for a name server that does not answer
    used.insert(url.host);
  });
  std::erase_if(names_, [&](const auto& n) { return !used.contains(n.first); });
  for (const auto& service : current_->spec().services)
    for (const auto& version : service.versions)
      if (const auto* v = version_of(*current_, service.name, version.name))
        publish(version, *v, endpoints_before(before.get(), service.name, version.name));
  if (on_change) on_change();
}

void EndpointDirectory::publish_users_of(const std::string& text) {
  if (!current_) return;
  bool any = false;
  for (const auto& service : current_->spec().services) {
    for (const auto& version : service.versions) {
      if (std::ranges::none_of(version.urls, [&](const auto& u) { return is_name(u) && u.host == text; }))
        continue;
      if (const auto* v = version_of(*current_, service.name, version.name)) publish(version, *v, {});
      any = true;
    }
  }
  if (any && on_change) on_change();
}

std::shared_ptr<upstream::EndpointSet> EndpointDirectory::endpoints_of(
    const config::VersionSpec& spec, const upstream::ServiceVersion& version, const Endpoints& known) const {
  auto set = std::make_shared<upstream::EndpointSet>();
  bool resolving = false;
  auto add = [&](net::SocketAddress address, const config::UrlSpec& url) {
    upstream::EndpointTls tls;
    if (url.tls) tls = {version.tls, version.server_name.empty() ? url.host : version.server_name};
    auto same = [&](const auto& e) { return e->address() == address && e->tls() == tls; };
    if (std::ranges::any_of(set->endpoints, same)) return;  // two names of one machine
    // A URL that came from a substitution is shown as its source everywhere.
    std::string shown = url.secret ? url.text : net::to_string(address);
    auto old = std::ranges::find_if(known, [&](const auto& e) { return same(e) && e->name() == shown; });
    if (old != known.end()) return set->endpoints.push_back(*old);
    set->endpoints.push_back(
        std::make_shared<upstream::Endpoint>(std::move(address), std::move(shown), std::move(tls)));
  };
  for (const auto& url : spec.urls) {
    if (!url.unix_path.empty()) {
      add(net::SocketAddress::unix_socket(url.unix_path), url);
    } else if (auto ip = parse_ip(url.host)) {
      add(net::SocketAddress::of(*ip, url.port), url);
    } else if (auto n = names_.find(url.host); n != names_.end()) {
      for (const IpAddress& a : n->second->addresses) add(net::SocketAddress::of(a, url.port), url);
      resolving = resolving || !n->second->answered;
      if (!n->second->failure.empty()) set->reason = n->second->failure;
    }
  }
  using State = upstream::EndpointSet::State;
  set->state = !set->endpoints.empty() ? State::ready : resolving ? State::resolving : State::failed;
  if (set->state == State::resolving) set->reason = kNotAsked;
  return set;
}

void EndpointDirectory::publish(const config::VersionSpec& spec, const upstream::ServiceVersion& version,
                                Endpoints known) {
  auto before = version.shared->slot.load();
  known.insert(known.begin(), before->endpoints.begin(), before->endpoints.end());
  auto set = endpoints_of(spec, version, known);
  if (set->state == before->state && set->reason == before->reason && set->endpoints == before->endpoints)
    return;
  version.shared->slot.publish(std::move(set));
}

KnownAddresses EndpointDirectory::known() const {
  KnownAddresses known;
  if (!current_) return known;
  for (const auto& service : current_->spec().services) {
    for (const auto& version : service.versions) {
      for (const auto& url : version.urls) {
        auto n = names_.find(url.host);
        if (is_name(url) && !url.secret && n != names_.end() && !n->second->addresses.empty())
          known[url.host] = n->second->addresses;
      }
    }
  }
  return known;
}

bool EndpointDirectory::all_answered() const noexcept {
  return std::ranges::all_of(names_, [](const auto& n) { return n.second->answered; });
}

std::vector<NameStatus> EndpointDirectory::names() const {
  std::vector<NameStatus> list;
  list.reserve(names_.size());
  for (const auto& [text, n] : names_)
    list.push_back({n->shown, n->answered, n->failure, n->addresses.size()});
  return list;
}

}  // namespace gatehouse::control
