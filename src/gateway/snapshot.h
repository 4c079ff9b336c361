// All that a request is decided by: immutable, published as one.
#pragma once

#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/spec.h"
#include "gateway/background.h"
#include "gateway/chain.h"
#include "gateway/identity.h"
#include "gateway/registry.h"
#include "gateway/router.h"
#include "gateway/shared_listener.h"
#include "gateway/target.h"
#include "net/tls_context.h"
#include "upstream/service.h"

namespace gatehouse::gateway {

// A route with everything that was decided for it beforehand.
struct CompiledRoute {
  std::string name;
  Chain chain;
  std::unique_ptr<const Target> target;
  bool encoded_slash_keep = false;
};

struct CompiledListener {
  config::ListenerSpec spec;
  ListenerChain chain;
  std::shared_ptr<SharedListener> shared;
  std::shared_ptr<const net::TlsServerContext> tls;  // null = clear text
  std::shared_ptr<const void> tls_state;             // ListenerTls::state
  const CompiledRoute* direct = nullptr;  // serves everything, without the router (the admin listener)
};

// What filters may add to the snapshot as a whole.
struct SnapshotContext {
  ConditionTable& conditions;                                   // for Exchange::holds
  const std::shared_ptr<const net::TlsAuthorities>& system_ca;  // as compile_tls takes it
};
// What a filter sees when a route is compiled.
struct RouteContext {
  const config::Spec& spec;
  const config::RouteSpec& route;
  const config::ServiceSpec* service;  // null for redirects and fixed replies
  StateRegistry& registry;
  FilterStore& filters;
  SnapshotContext& snapshot;
};
struct ListenerContext {
  const config::Spec& spec;
  const config::ListenerSpec& listener;
  StateRegistry& registry;
  FilterStore& filters;
  SnapshotContext& snapshot;
};

// One policy: how it takes part in chains. app/ lists them; their order there is their order in every chain.
class FilterKind {
 public:
  virtual ~FilterKind() = default;
  virtual std::string_view name() const noexcept = 0;
  virtual void compile(const RouteContext&, Chain&, config::Diagnostics&) const {}
  virtual void compile(const ListenerContext&, ListenerChain&, config::Diagnostics&) const {}
  // What it does besides requests, if anything. Called once, by control.
  virtual std::unique_ptr<BackgroundTask> background(const BackgroundContext&) const { return nullptr; }
  virtual std::span<const MetricFamily> metrics() const noexcept { return {}; }  // of its background task
};

class Snapshot {
 public:
  using FilterKinds = std::span<const std::unique_ptr<FilterKind>>;

  // All errors at once. Thread: control (or its pool), one at a time: the registry is not shared.
  // `auto_connections`: `max_connections` of a listener that leaves it open; 0 = no limit.
  static std::expected<std::shared_ptr<const Snapshot>, config::Diagnostics> compile(
      std::shared_ptr<const config::Spec> spec, StateRegistry& registry, FilterKinds filters,
      std::uint64_t auto_connections = 0);

  // One listener on which `target` answers everything; for the admin API.
  static std::shared_ptr<const Snapshot> direct(config::ListenerSpec listener,
                                                std::unique_ptr<const Target> target);

  std::uint64_t version() const noexcept { return version_; }  // counts up with every compile of the process
  const config::Spec& spec() const noexcept { return *spec_; }
  const Router& router() const noexcept { return *router_; }
  std::span<const CompiledRoute> routes() const noexcept { return routes_; }  // by the router's index
  std::span<const upstream::Service> services() const noexcept { return services_; }
  std::span<const CompiledListener> listeners() const noexcept { return listeners_; }
  const FilterStore& filters() const noexcept { return filters_; }
  // Those, and names that carry credentials: none of them is taken from trailers, where nobody would look at
  // it.
  std::span<const std::string_view> names_not_in_trailers() const noexcept { return trailer_names_; }
  const QueryMask* query_mask() const noexcept { return query_mask_; }  // null: queries hold no credentials
  // What compiling it has found besides errors: warnings and hints.
  const config::Diagnostics& remarks() const noexcept { return remarks_; }
  const ConditionTable& conditions() const noexcept { return conditions_; }  // of filters; not the router's
  // Names of headers that only the gateway may set, beyond those of the header table (admit_headers).
  std::span<const std::string_view> reserved_names() const noexcept { return reserved_names_; }
  const CompiledListener* listener(std::string_view name) const noexcept;
  const upstream::Service* service(std::string_view name) const noexcept;

 private:
  friend class SnapshotCompiler;
  Snapshot() = default;
  const CompiledRoute* add_direct(const std::string& name, std::unique_ptr<const Target> target);
  std::uint64_t version_ = 0;
  config::Diagnostics remarks_;
  std::shared_ptr<const config::Spec> spec_;
  std::unique_ptr<const Router> router_;
  ConditionTable conditions_;
  std::vector<std::string_view> reserved_names_;  // views of spec_
  std::vector<std::string_view> trailer_names_;   // likewise
  FilterStore filters_;
  const QueryMask* query_mask_ = nullptr;  // of filters_
  std::vector<upstream::Service> services_;
  std::vector<CompiledRoute> routes_;
  std::vector<CompiledListener> listeners_;
  std::vector<std::unique_ptr<CompiledRoute>> direct_;  // of listeners
};

}  // namespace gatehouse::gateway
