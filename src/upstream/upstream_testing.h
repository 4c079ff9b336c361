// For tests of this room: services that do what a script says, and a client with what a call needs.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/memory_network.h"
#include "net/nursery.h"
#include "upstream/call.h"
#include "upstream/client.h"

namespace gatehouse::upstream::testing {

// What a service does with one request that it has read to its end.
struct Step {
  enum class Then : std::uint8_t { keep, close, reset, silence };
  std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  Then then = Then::keep;
  Duration wait{};  // before the answer
};

// One endpoint, port 80. The script is shared by its connections; its last step repeats.
class ScriptedService {
 public:
  ScriptedService(net::MemoryWorld& world, IpAddress ip, std::vector<Step> script)
      : host_(world, ip),
        script_(std::move(script)),
        connections_(host_.loop, 1000),
        acceptor_(*host_.network.accept_on(*world.bind(net::SocketAddress::of(ip, 80)))),
        accepting_(accept_all()) {}
  ScriptedService(const ScriptedService&) = delete;

  std::vector<std::string> requests;  // as they came
  int accepted = 0;
  std::size_t open() const noexcept { return connections_.running(); }
  void close_all() noexcept { connections_.cancel_all(); }

 private:
  net::Task<void> accept_all() {
    for (;;) {
      co_await acceptor_->wait();
      for (auto s = acceptor_->try_accept(); s && *s; s = acceptor_->try_accept()) {
        ++accepted;
        connections_.adopt(serve(std::move(*s)));
      }
    }
  }
  static bool whole(const std::string& text) {
    auto end = text.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    if (text.find("chunked") < end) return text.ends_with("0\r\n\r\n");
    auto length = text.find("Content-Length: ");
    return length > end || text.size() - end - 4 >= std::stoul(text.substr(length + 16));
  }
  net::Task<void> serve(net::StreamPtr stream) {
    for (;;) {
      std::string text;
      while (!whole(text)) {
        auto bytes = co_await stream->recv(4096, after(host_.loop.now(), 1h));
        if (!bytes || bytes->empty()) co_return;
        text += bytes->view();
      }
      Step step = script_[std::min(requests.size(), script_.size() - 1)];
      requests.push_back(text);
      if (step.wait > Duration(0)) co_await net::sleep_for(host_.loop, step.wait);
      if (step.then == Step::Then::silence) co_await net::sleep_for(host_.loop, 1h);
      if (!step.answer.empty()) {
        net::SliceList out;
        out.add(Slice::unowned(step.answer));
        if (!co_await stream->send(std::move(out), 1h)) co_return;
      }
      if (step.then == Step::Then::reset) stream->reset_on_close();
      if (step.then != Step::Then::keep) co_return;
    }
  }

  net::MemoryHost host_;
  std::vector<Step> script_;
  net::Nursery connections_;
  std::unique_ptr<net::Acceptor> acceptor_;
  net::Task<void> accepting_;
};

// One call and all that has to outlive it. Destroyed, it is cancelled.
class Asked {
 public:
  Asked(Client& client, const Service& service, http::Method method, std::string body)
      : arena_(client.loop().blocks()), head_(arena_), text_(std::move(body)), body_(text_) {
    head_.method = method;
    head_.method_text = method == http::Method::post ? "POST" : "GET";
    head_.host = "sim.example";
    head_.path = head_.target = "/x";
    running_ = run(client, service, text_.empty() ? nullptr : &body_);
  }
  Asked(const Asked&) = delete;

  bool done() const noexcept { return running_.done(); }
  void cancel() noexcept { running_.cancel(); }
  int status = 0;
  std::string body;       // what came of it
  bool whole = false;     // and it was all
  bool trailers = false;  // it ended with some
  Error error{};          // of the call, or of the body
  CallReport report;

 private:
  net::Task<void> run(Client& client, const Service& service, BodySource* request) {
    auto answer = co_await call(client, {.service = service,
                                         .version = service.versions.front(),
                                         .head = head_,
                                         .target = "/x",
                                         .body = request,
                                         .policy = service.policy,
                                         .arena = arena_,
                                         .report = report});
    if (!answer) {
      error = answer.error();
      co_return;
    }
    status = answer->head->status;
    while (answer->body) {
      auto piece = co_await pull(*answer->body);
      if (!piece) {
        error = piece.error();
        co_return;
      }
      trailers = piece->kind == Piece::Kind::trailers;
      if (piece->kind != Piece::Kind::data) break;
      body += piece->data.view();
    }
    whole = true;
  }

  Arena arena_;
  http::RequestHead head_;
  std::string text_;
  TextBody body_;
  net::Task<void> running_;
};

inline IpAddress ip(unsigned n) { return IpAddress::v4(0x0a000000U + n); }  // 10.0.0.n

// A client, and one service whose endpoints are 10.0.0.1 and so on.
class UpstreamTest : public ::testing::Test {
 protected:
  explicit UpstreamTest(unsigned endpoints = 1) {
    service.name = "s";
    service.shared = std::make_shared<SharedService>();
    service.versions.push_back({"", std::make_shared<SharedVersion>(0)});
    service.policy.deadline = 30s;
    set_endpoints(endpoints);
  }
  void set_endpoints(unsigned n) {
    auto set = std::make_shared<EndpointSet>();
    set->state = EndpointSet::State::ready;
    for (unsigned i = 1; i <= n; ++i)
      set->endpoints.push_back(
          std::make_shared<Endpoint>(net::SocketAddress::of(ip(i), 80), std::to_string(i)));
    endpoints = set->endpoints;
    service.versions.front().shared->slot.publish(std::move(set));
  }
  std::unique_ptr<Asked> begin(http::Method method = http::Method::get, std::string body = {}) {
    return std::make_unique<Asked>(client, service, method, std::move(body));
  }
  void finish(const Asked& a) {
    world.run_until([&] { return a.done(); }, 10min);
  }
  // To the end. What is left of the exchange goes with it.
  std::unique_ptr<Asked> ask(http::Method method = http::Method::get, std::string body = {}) {
    auto a = begin(method, std::move(body));
    finish(*a);
    EXPECT_TRUE(a->done());
    return a;
  }
  LocalEndpoint* local(unsigned n) {
    LocalEndpoint* found = nullptr;
    client.for_each_endpoint([&](LocalEndpoint& e) {
      if (e.shared == endpoints[n - 1]) found = &e;
    });
    return found;
  }
  std::size_t idle(unsigned n) { return local(n) ? local(n)->idle_count : 0; }

  net::MemoryWorld world{1};
  net::MemoryHost host{world};
  Service service;
  std::vector<std::shared_ptr<Endpoint>> endpoints;
  Client client{host.loop, host.network};
};

}  // namespace gatehouse::upstream::testing
