// For tests of what takes part in an exchange: one exchange on a worker that is not connected to anything.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/exchange.h"
#include "gateway/worker.h"
#include "net/memory_network.h"

namespace gatehouse::gateway::testing {

struct LastRecord final : RecordSink {
  void record(const RequestRecord& r) noexcept override {
    status = r.status;
    failed = r.failed;
    reason = r.reason;
    user = r.user;
    query = r.query;
    limit = r.limit;
    limit_key = r.limit_key;
  }
  std::uint16_t status = 0;
  bool failed = false;
  Errc reason = Errc::internal;
  std::string user;
  std::string query;
  std::string limit;
  std::string limit_key;
};

struct SilentResponder final : Responder {
  net::Task<Result<void>> send(Reply&) override { co_return Result<void>{}; }
  net::Task<Result<void>> interim(const http::ResponseHead&) override { co_return Result<void>{}; }
  bool began() const noexcept override { return false; }
};

// A worker with the snapshot of `spec`.
class Bench {
 public:
  // Null snapshot() and diagnostics() if it does not compile.
  Bench(config::Spec spec, Snapshot::FilterKinds filters) : filters_(filters) { load(std::move(spec)); }
  // In place of the one before. False: it does not compile.
  bool load(config::Spec spec) {
    auto compiled = Snapshot::compile(std::make_shared<config::Spec>(std::move(spec)), registry_, filters_);
    if (!compiled) {
      diagnostics_ = compiled.error();
      return false;
    }
    snapshot_ = *compiled;
    worker_.publish(snapshot_, {});
    while (!worker_.ready() || &worker_.current() != snapshot_.get()) loop_.turn(loop_.now());
    return true;
  }
  // The same snapshot once more, as after a reload that changed nothing.
  void publish_again() {
    worker_.publish(snapshot_, {});
    loop_.turn(loop_.now());
  }
  const Snapshot* snapshot() const { return snapshot_.get(); }
  const config::Diagnostics& diagnostics() const { return diagnostics_; }
  Worker& worker() { return worker_; }
  net::Loop& loop() { return loop_; }
  net::MemoryWorld& world() { return world_; }
  StateRegistry& registry() { return registry_; }
  const LastRecord& last() const { return sink_; }

 private:
  net::MemoryWorld world_{1};
  net::MemoryPoller poller_{world_};
  net::Loop loop_{world_.clock(), poller_, 7};
  net::MemoryNetwork network_{world_, loop_, poller_};
  LastRecord sink_;
  Snapshot::FilterKinds filters_;
  StateRegistry registry_;
  std::shared_ptr<const Snapshot> snapshot_;
  config::Diagnostics diagnostics_;
  Worker worker_{loop_, network_, sink_, {}};
};

using Fields = std::vector<std::pair<std::string, std::string>>;
inline Fields fields_of(const http::HeaderTable& headers) {
  Fields all;
  for (const http::Header& h : headers) all.emplace_back(h.name, h.value);
  return all;
}

// `method` `path` on `listener` from `peer`: admitted and routed.
class OneExchange {
 public:
  OneExchange(Bench& bench, std::string_view path, std::string_view peer = "192.0.2.1",
              std::string_view listener = "public", const Fields& headers = {},
              std::string_view method = "GET")
      : arena_(bench.loop().blocks()),
        pin_(bench.worker().pin()),
        x_(bench.worker(), pin_, *bench.snapshot()->listener(listener), responder_, arena_, *parse_ip(peer),
           bench.loop().now()) {
    x_.request().method_text = arena_.copy(method);
    x_.request().method = http::method_of(method);
    x_.request().path = arena_.copy(path.substr(0, path.find('?')));
    x_.request().query = arena_.copy(path.substr(x_.request().path.size()));
    x_.request().host = "example.com";
    for (const auto& [name, value] : headers) x_.request().headers.add(arena_.copy(name), arena_.copy(value));
    EXPECT_TRUE(x_.admit());
    EXPECT_EQ(x_.choose(), RouteChoice::Kind::found) << path;
  }
  Exchange* operator->() { return &x_; }
  Exchange& operator*() { return x_; }

  // Null: the steps let the request pass. A step that is not done at once would not do here.
  http::ResponseHead* run_request_steps() {
    Verdict v = x_.run_request_steps();
    while (v.is_later()) v = v.take_task().take();
    if (!v.is_reply()) return nullptr;
    reply_ = v.take_reply();
    return reply_.head;
  }
  Fields run_response_steps(const Fields& headers) {
    reply_.head = x_.new_response(200);
    for (const auto& [name, value] : headers) reply_.head->headers.add(arena_.copy(name), arena_.copy(value));
    EXPECT_TRUE(x_.run_response_steps(reply_).is_next());
    return fields_of(reply_.head->headers);
  }
  // Of the reply that the request steps gave.
  Fields run_response_steps() {
    EXPECT_TRUE(x_.run_response_steps(reply_).is_next());
    return fields_of(reply_.head->headers);
  }
  std::string body() { return text_of(reply_); }

  static std::string text_of(Reply& reply) {
    if (!reply.body) return {};
    Result<upstream::Piece> piece{upstream::Piece{}};
    EXPECT_TRUE(reply.body->try_pull(piece));
    return piece ? std::string(piece->data.view()) : std::string();
  }

 private:
  Arena arena_;
  SilentResponder responder_;
  SnapshotPin pin_;
  Exchange x_;
  Reply reply_;
};

// A request that is served to its end, without a connection; one that waits goes on as the loop turns.
class ServedRequest {
 public:
  ServedRequest(Bench& bench, std::string_view target, const Fields& headers = {},
                std::string_view peer = "192.0.2.1", std::string_view listener = "public",
                std::string_view method = "GET")
      : bench_(bench), arena_(bench_.loop().blocks()), pin_(bench_.worker().pin()) {
    x_.emplace(bench_.worker(), pin_, *pin_.snapshot().listener(listener), responder_, arena_,
               *parse_ip(peer), bench_.loop().now());
    target = arena_.copy(target);
    http::RequestHead& head = x_->request();
    head.path = target.substr(0, target.find('?'));
    head.query = target.substr(head.path.size());
    head.target = target;
    head.host = "example.com";
    head.method_text = arena_.copy(method);
    head.method = http::method_of(method);
    for (const auto& [name, value] : headers) head.headers.add(arena_.copy(name), arena_.copy(value));
    task_ = serve(*x_);
  }
  ServedRequest(const ServedRequest&) = delete;
  ~ServedRequest() {
    task_.cancel();
    x_.reset();
  }

  bool done() { return task_.done(); }
  int status() { return done() ? responder_.status : 0; }
  // Of the answer; several joined by " | ".
  std::string answer(std::string_view name) { return done() ? joined(responder_.headers, name) : ""; }
  std::string body() { return responder_.body; }
  // Of what would be sent to a service.
  std::string sent(std::string_view name) { return joined(fields_of(x_->request().headers), name); }
  std::string query() { return std::string(x_->request().query); }
  Exchange& exchange() { return *x_; }
  std::string user() { return x_->identity() ? std::string(x_->identity()->user) : "nobody"; }
  std::string route() { return x_->route() ? x_->route()->name : ""; }
  // Ends it: what was recorded.
  const LastRecord& record() {
    task_.cancel();
    x_.reset();
    return bench_.last();
  }

 private:
  struct KeepingResponder final : Responder {
    net::Task<Result<void>> send(Reply& reply) override {
      status = reply.head->status;
      headers = fields_of(reply.head->headers);
      body = OneExchange::text_of(reply);
      co_return Result<void>{};
    }
    net::Task<Result<void>> interim(const http::ResponseHead&) override { co_return Result<void>{}; }
    bool began() const noexcept override { return false; }
    int status = 0;
    Fields headers;
    std::string body;
  };
  static std::string joined(const Fields& fields, std::string_view name) {
    std::string all;
    for (const auto& [n, value] : fields)
      if (http::iequals(n, name)) all += (all.empty() ? "" : " | ") + value;
    return all;
  }
  Bench& bench_;
  Arena arena_;
  KeepingResponder responder_;
  SnapshotPin pin_;
  std::optional<Exchange> x_;
  net::Task<void> task_;
};

// A service at 127.0.0.1:9000 with its base route.
inline config::ServiceSpec service(std::string name) {
  config::ServiceSpec s;
  s.name = std::move(name);
  s.versions.push_back(
      {.name = "",
       .urls =
           {{.text = "http://127.0.0.1:9000", .host = "127.0.0.1", .port = 9000, .unix_path = "", .at = {}}},
       .at = {}});
  return s;
}
inline config::RouteSpec route(const std::string& path, const std::vector<std::string>& services) {
  config::RouteSpec r;
  r.name = path;
  config::PathPattern p;
  p.text = path + "/*";
  p.segments.push_back({.kind = config::PathSegment::Kind::literal, .text = path.substr(1)});
  p.below = true;
  r.paths.push_back(std::move(p));
  for (auto& s : services)
    r.to.push_back(
        {.service = s, .version = "", .percent = 100.0 / static_cast<double>(services.size()), .at = {}});
  return r;
}
inline config::Spec spec_with(std::vector<config::ServiceSpec> services,
                              std::vector<config::RouteSpec> routes) {
  config::Spec spec;
  for (const char* name : {"public", "internal"}) {
    config::ListenerSpec l;
    l.name = name;
    spec.listeners.push_back(std::move(l));
  }
  spec.services = std::move(services);
  spec.routes = std::move(routes);
  return spec;
}

}  // namespace gatehouse::gateway::testing
