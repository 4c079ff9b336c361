#include "gateway/snapshot.h"

#include <algorithm>
#include <atomic>
#include <unordered_map>

#include "gateway/forwarding.h"
#include "gateway/problem.h"
#include "gateway/targets.h"
#include "gateway/tls_compile.h"
#include "gateway/weaker_route.h"

namespace gatehouse::gateway {
namespace {

std::uint64_t next_version() noexcept {
  static std::atomic<std::uint64_t> last{0};  // only so that versions are unique; nothing is ordered by it
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

// The same service, version and URLs share their endpoints over reloads; other URLs are other endpoints, so
// that the snapshot before keeps those it was compiled for.
std::string version_key(const config::ServiceSpec& s, const config::VersionSpec& v, const ServiceTls& tls) {
  std::string key = "version/" + s.name + "/" + v.name;
  for (const auto& u : v.urls)  // by what it leads to: the text of one from a `file:` stays the same
    key += " " + u.host + ":" + std::to_string(u.port) + u.unix_path + (u.tls ? "/tls" : "");
  if (tls.context) key += " " + s.tls.server_name + "/" + std::to_string(tls.number);
  return key;
}

upstream::CallPolicy policy_of(const config::ServiceSpec& s) {
  upstream::CallPolicy p;
  p.timeout = s.timeout;
  p.connect_timeout = s.connect_timeout;
  p.deadline = s.deadline.value_or(Duration::max());
  p.idle = s.idle;
  p.body_idle = s.body_idle;
  p.stream_idle = s.stream_idle;
  p.retry = s.retry;
  p.max_in_flight = s.max_in_flight;
  return p;
}

// The gateway's own steps: what a service says about its connection is not the client's business, ...
Verdict clean_response(const void*, Exchange&, Reply& reply) {
  admit_response_headers(*reply.head);
  return Verdict::next();
}
// ... and the last word on every failure is a problem document.
Verdict describe_problem(const void*, Exchange& x, const Error& error) {
  return Verdict::reply(problem_reply(x, error));
}

}  // namespace

class SnapshotCompiler {
 public:
  SnapshotCompiler(std::shared_ptr<const config::Spec> spec, StateRegistry& registry,
                   Snapshot::FilterKinds filters, std::uint64_t auto_connections)
      : spec_(*spec),
        registry_(registry),
        filters_(filters),
        auto_connections_(auto_connections),
        snapshot_(new Snapshot),
        context_{snapshot_->conditions_, system_} {
    snapshot_->version_ = next_version();
    snapshot_->spec_ = std::move(spec);
    if (spec_.auth)
      for (const config::SendItem& item : spec_.auth->send)
        if (item.from != config::SendItem::From::remove) snapshot_->reserved_names_.push_back(item.header);
    snapshot_->trailer_names_ = snapshot_->reserved_names_;
    if (spec_.auth && spec_.auth->api_keys && spec_.auth->api_keys->in == config::ApiKeysSpec::In::header)
      snapshot_->trailer_names_.push_back(spec_.auth->api_keys->name);
  }

  std::expected<std::shared_ptr<const Snapshot>, config::Diagnostics> run() {
    system_ = system_authorities(spec_, registry_, diagnostics_);
    snapshot_->router_ = Router::compile(spec_, diagnostics_);
    snapshot_->services_.reserve(spec_.services.size());  // routes point into it
    for (const auto& s : spec_.services) add_service(s);
    for (std::size_t i = 0; i < spec_.services.size(); ++i) position_[spec_.services[i].name] = i;
    snapshot_->routes_.reserve(spec_.routes.size());
    for (const auto& r : spec_.routes) add_route(r);
    for (const auto& l : spec_.listeners) add_listener(l);
    warn_of_weaker_routes(spec_, diagnostics_);
    if (config::has_errors(diagnostics_) || !snapshot_->router_)
      return std::unexpected(std::move(diagnostics_));
    snapshot_->query_mask_ = snapshot_->filters_.find<QueryMask>().get();
    snapshot_->remarks_ = std::move(diagnostics_);
    return std::shared_ptr<const Snapshot>(std::move(snapshot_));
  }

 private:
  void add_service(const config::ServiceSpec& s) {
    upstream::Service service;
    service.name = s.name;
    service.policy = policy_of(s);
    service.balance = s.balance;
    service.shared = registry_.get<upstream::SharedService>("service/" + s.name);
    ServiceTls tls = compile_tls(s, system_, registry_, diagnostics_);
    service.tls_state = tls.state;
    for (const auto& v : s.versions) {
      auto shared = registry_.get<upstream::SharedVersion>(version_key(s, v, tls), [this] {
        return std::make_shared<upstream::SharedVersion>(registry_.next_index());
      });
      service.versions.push_back({v.name, std::move(shared), tls.context, s.tls.server_name});
    }
    snapshot_->services_.push_back(std::move(service));
  }

  void add_route(const config::RouteSpec& r) {
    CompiledRoute route;
    route.name = r.name;
    const config::ServiceSpec* service = r.to.empty() ? nullptr : service_spec(r.to.front().service);
    route.encoded_slash_keep = !r.to.empty() && std::ranges::all_of(r.to, [&](const config::Target& t) {
      const config::ServiceSpec* s = service_spec(t.service);
      return s && s->encoded_slash_keep;  // of a split any may get the request
    });
    if (r.redirect) {
      route.target = redirect(r);
    } else if (r.reply) {
      route.target = std::make_unique<ReplyTarget>(*r.reply);
    } else {
      route.target = proxy(r);
    }
    for (const auto& f : filters_)
      f->compile(RouteContext{spec_, r, service, registry_, snapshot_->filters_, context_}, route.chain,
                 diagnostics_);
    std::ranges::reverse(route.chain.response);  // the last to see the request is the first to see the answer
    if (!r.to.empty()) route.chain.response.insert(route.chain.response.begin(), {&clean_response, nullptr});
    route.chain.failure.push_back({&describe_problem, nullptr});
    snapshot_->routes_.push_back(std::move(route));
  }

  void add_listener(const config::ListenerSpec& l) {
    CompiledListener listener;
    listener.spec = l;
    if (l.max_connections == 0) listener.spec.max_connections = auto_connections_;
    listener.shared = registry_.get<SharedListener>("listener/" + l.name);
    ListenerTls tls = compile_tls(l, registry_, diagnostics_);
    listener.tls = std::move(tls.context);
    listener.tls_state = std::move(tls.state);
    if (l.redirect)
      listener.direct = snapshot_->add_direct(l.name, std::make_unique<HttpsRedirectTarget>(l.redirect));
    for (const auto& f : filters_)
      f->compile(ListenerContext{spec_, l, registry_, snapshot_->filters_, context_}, listener.chain,
                 diagnostics_);
    snapshot_->listeners_.push_back(std::move(listener));
  }

  template <class Make>
  std::vector<CompiledRewrite> for_each_pattern(const config::RouteSpec& r, Make make) {
    std::vector<CompiledRewrite> all;
    all.reserve(r.paths.size());
    for (const auto& p : r.paths) all.push_back(make(&p));
    if (r.paths.empty()) all.push_back(make(nullptr));
    return all;
  }

  std::unique_ptr<const Target> redirect(const config::RouteSpec& r) {
    return std::make_unique<RedirectTarget>(
        for_each_pattern(r,
                         [&](const config::PathPattern* p) {
                           return CompiledRewrite::redirect(r.redirect->to.reveal(), p, r.at, diagnostics_);
                         }),
        r.redirect->status);
  }

  std::unique_ptr<const Target> proxy(const config::RouteSpec& r) {
    ProxyTarget::Parts parts;
    double sum = 0;
    for (const auto& t : r.to) {
      const config::ServiceSpec* spec = service_spec(t.service);
      if (!spec) return nullptr;  // the loader has refused it
      add_versions(parts, r, t, *spec, snapshot_->services_[position_[t.service]], sum);
      sum += t.percent;
    }
    return std::make_unique<ProxyTarget>(std::move(parts));
  }

  // The versions behind one target: the one that is named, or the stable one and the canary's.
  void add_versions(ProxyTarget::Parts& parts, const config::RouteSpec& r, const config::Target& t,
                    const config::ServiceSpec& spec, const upstream::Service& service, double from) {
    const config::Rewrite& rewrite = r.rewrite ? *r.rewrite : spec.rewrite;
    auto add = [&](const upstream::ServiceVersion& v, double up_to) {
      ProxyTarget::Manner manner{service.policy, {}, spec.host};
      if (r.timeout) manner.policy.timeout = *r.timeout;
      manner.rewrites = for_each_pattern(r, [&](const config::PathPattern* p) {
        return rewrite.text.empty() ? CompiledRewrite()
                                    : CompiledRewrite::path(rewrite, p, r.at, diagnostics_);
      });
      parts.manners.push_back(std::move(manner));
      parts.versions.push_back({&service, &v, up_to, registry_.series({r.name, service.name, v.name})});
    };
    auto named = [&](const std::string& name) {
      return std::ranges::find(service.versions, name, &upstream::ServiceVersion::name);
    };
    if (!t.version.empty()) {
      add(*named(t.version), from + t.percent);
    } else if (spec.canary && spec.canary->percent > 0) {
      add(*named(spec.canary->to), from + t.percent * spec.canary->percent / 100);
      add(service.versions.front(), from + t.percent);
    } else {
      add(service.versions.front(), from + t.percent);
    }
  }

  const config::ServiceSpec* service_spec(const std::string& name) const {
    auto it = position_.find(name);
    return it == position_.end() ? nullptr : &spec_.services[it->second];
  }

  const config::Spec& spec_;
  StateRegistry& registry_;
  Snapshot::FilterKinds filters_;
  std::uint64_t auto_connections_;
  std::shared_ptr<const net::TlsAuthorities> system_;
  std::unique_ptr<Snapshot> snapshot_;
  SnapshotContext context_;
  std::unordered_map<std::string, std::size_t> position_;  // of a service, by name
  config::Diagnostics diagnostics_;
};

std::expected<std::shared_ptr<const Snapshot>, config::Diagnostics> Snapshot::compile(
    std::shared_ptr<const config::Spec> spec, StateRegistry& registry, FilterKinds filters,
    std::uint64_t auto_connections) {
  return SnapshotCompiler(std::move(spec), registry, filters, auto_connections).run();
}

std::shared_ptr<const Snapshot> Snapshot::direct(config::ListenerSpec listener,
                                                 std::unique_ptr<const Target> target) {
  // Version 0: it is no configuration's, and takes none of their numbers.
  std::unique_ptr<Snapshot> s(new Snapshot);
  s->spec_ = std::make_shared<config::Spec>();
  config::Diagnostics none;
  s->router_ = Router::compile(*s->spec_, none);
  const CompiledRoute* direct = s->add_direct(listener.name, std::move(target));
  s->listeners_.push_back({.spec = std::move(listener),
                           .chain = {},
                           .shared = std::make_shared<SharedListener>(),
                           .tls = nullptr,
                           .tls_state = nullptr,
                           .direct = direct});
  return s;
}

const CompiledRoute* Snapshot::add_direct(const std::string& name, std::unique_ptr<const Target> target) {
  auto route = std::make_unique<CompiledRoute>();
  route->name = name;
  route->target = std::move(target);
  return direct_.emplace_back(std::move(route)).get();
}

const CompiledListener* Snapshot::listener(std::string_view name) const noexcept {
  auto it =
      std::ranges::find(listeners_, name, [](const auto& l) -> std::string_view { return l.spec.name; });
  return it == listeners_.end() ? nullptr : &*it;
}

const upstream::Service* Snapshot::service(std::string_view name) const noexcept {
  auto it = std::ranges::find(services_, name, [](const auto& s) -> std::string_view { return s.name; });
  return it == services_.end() ? nullptr : &*it;
}

}  // namespace gatehouse::gateway
