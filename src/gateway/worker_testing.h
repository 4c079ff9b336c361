// For tests of whole connections: one worker with the listener `public` at kGateway, and clients that say
// what they are told.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/loader.h"
#include "gateway/tls_failures.h"
#include "gateway/worker.h"
#include "net/memory_network.h"

namespace gatehouse::gateway::testing {

inline const auto kGateway = net::SocketAddress::of(IpAddress::v4(0x7f000001), 8080);
inline const auto kService = net::SocketAddress::of(IpAddress::v4(0x0a000001), 80);  // of every service

struct CountingSink final : RecordSink {
  void record(const RequestRecord& r) noexcept override {
    ++records;
    failed += r.failed;
    reason = r.reason;
    status = r.status;
    bytes_in = r.bytes_in;
    bytes_out = r.bytes_out;
  }
  unsigned records = 0;
  unsigned failed = 0;
  Errc reason = Errc::internal;  // of the last one, and what follows
  std::uint16_t status = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

// A connection that is made at once. What comes is gathered until it ends.
class RawClient {
 public:
  RawClient(net::MemoryHost& host, std::string text = {}) : text_(std::move(text)), running_(run(host)) {}
  RawClient(const RawClient&) = delete;
  void say(std::string_view text) { saying_ = send(std::string(text)); }
  bool connected() const noexcept { return stream_ != nullptr; }

  std::string received;
  bool ended = false;  // by the peer
  bool reset = false;  // and not in order

 private:
  net::Task<void> run(net::MemoryHost& host) {
    auto stream = co_await host.network.connect(kGateway, kNever);
    if (!stream) co_return;
    stream_ = std::move(*stream);
    if (!text_.empty()) say(text_);
    while (!ended) {
      auto bytes = co_await stream_->recv(BlockPool::kMedium, kNever);
      reset = !bytes;
      ended = !bytes || bytes->empty();
      if (bytes) received += bytes->view();
    }
  }
  net::Task<void> send(std::string text) { (void)co_await stream_->send(Slice::unowned(text), 1h); }
  std::string text_;
  net::StreamPtr stream_;
  net::Task<void> saying_;
  net::Task<void> running_;  // last: they use the others
};

class WorkerTest : public ::testing::Test {
 protected:
  // Listens from now on; serves once there is a configuration.
  void serve(std::string_view yaml, Snapshot::FilterKinds kinds = {}) {
    auto loaded = config::load_text(yaml, "g.yaml", {});
    ASSERT_TRUE(loaded.spec);
    auto snapshot = Snapshot::compile(std::make_shared<config::Spec>(*loaded.spec), registry, kinds);
    ASSERT_TRUE(snapshot);
    for (const auto& s : (*snapshot)->services()) {
      auto set = std::make_shared<upstream::EndpointSet>();
      set->state = upstream::EndpointSet::State::ready;
      set->endpoints.push_back(std::make_shared<upstream::Endpoint>(kService, "10.0.0.1:80"));
      s.versions.front().shared->slot.publish(std::move(set));
    }
    std::vector<NewSocket> sockets;
    sockets.push_back({"public", std::move(socket)});
    worker.publish(*snapshot, std::move(sockets));
  }
  template <class F>
  bool until(F done, Duration limit = 10s) {
    return world.run_until(done, world.clock().now() + limit);
  }

  net::MemoryWorld world{1};
  net::MemoryHost host{world};
  net::MemoryHost peer{world};
  CountingSink sink;
  StateRegistry registry;
  std::unique_ptr<net::BoundSocket> socket = std::move(*world.bind(kGateway));
  Worker::Options options() {
    Worker::Options o;
    o.on_failed_handshakes = [this](const FailedHandshakes& f) { failed.push_back(f); };
    return o;
  }
  std::vector<FailedHandshakes> failed;
  Worker worker{host.loop, host.network, sink, options()};
};

}  // namespace gatehouse::gateway::testing
