#include "app/sample_service.h"

#include <fmt/format.h>

#include <cstdlib>
#include <span>

#include "base/arena.h"
#include "base/ip.h"
#include "base/json_text.h"
#include "http/h1_reader.h"
#include "http/h1_writer.h"
#include "net/nursery.h"
#include "net/tcp.h"
#include "upstream/h1_body.h"

namespace gatehouse::app {
namespace {

constexpr Duration kIdle = 75s;
constexpr std::size_t kMaxBody = std::size_t{1} << 20;
constexpr std::size_t kMaxConnections = 4096;

net::Task<bool> read_head(net::Stream& stream, Slice& input, http::H1RequestReader& reader,
                          http::RequestHead& head) {
  for (;;) {
    auto progress = reader.feed(input.view(), head);
    if (!progress) co_return false;
    if (*progress == http::Progress::done) co_return true;
    auto more = co_await stream.recv(BlockPool::kSmall, after(stream.loop().now(), kIdle));
    if (!more || more->empty()) co_return false;
    input = net::joined(stream.loop().blocks(), std::move(input), *more);
  }
}

net::Task<bool> read_body(upstream::H1Body& body, std::string& out) {
  for (;;) {
    auto piece = co_await upstream::pull(body);
    if (!piece) co_return false;
    if (piece->kind != upstream::Piece::Kind::data) co_return true;
    out += piece->data.view();
  }
}

net::Task<bool> send(net::Stream& stream, const SampleAnswer& answer, bool with_body) {
  Arena arena(stream.loop().blocks());
  http::ResponseHead head(arena);
  head.status = static_cast<std::uint16_t>(answer.status);
  head.headers.add(http::HeaderId::content_type, answer.type);
  http::H1Out how{.framing = {http::Framing::Kind::length, answer.body.size()},
                  .zero_length = answer.body.empty()};
  BlockRef block = stream.loop().blocks().get(http::head_size_bound(head) + answer.body.size());
  std::size_t n = http::write_response_head(head, how, {}, {block->data(), block->capacity()});
  char* data = block->data();
  if (with_body) n += answer.body.copy(data + n, answer.body.size());
  net::SliceList list;
  list.add(Slice(std::move(block), data, n));
  auto sent = co_await stream.send(std::move(list), kIdle);
  co_return sent.has_value();
}

// One request and its answer. False: the connection is of no further use.
net::Task<bool> serve_one(net::Stream& stream, Slice& input, const SampleHandler& handler) {
  Arena arena(stream.loop().blocks());
  http::RequestHead head(arena);
  http::H1RequestReader reader(http::H1Limits{});
  if (!co_await read_head(stream, input, reader, head)) co_return false;
  SampleRequest request{std::string(head.method_text), std::string(head.target), {}, {}};
  for (const auto& h : head.headers) request.headers.emplace_back(std::string(h.name), std::string(h.value));
  BlockRef keep = input.block();  // the head's views point into it
  input.remove_prefix(reader.consumed());
  upstream::H1Body body(stream, input, reader.framing(), arena, {.max_bytes = kMaxBody});
  if (!co_await read_body(body, request.body)) co_return false;
  bool sent = co_await send(stream, handler(request), head.method != http::Method::head);
  co_return sent&& reader.keep_alive();
}

net::Task<void> serve(net::StreamPtr stream, const SampleHandler& handler) {
  Slice input;
  while (co_await serve_one(*stream, input, handler)) {
  }
}

net::Task<void> accept_all(net::Acceptor& acceptor, net::Nursery& connections, const SampleHandler& handler) {
  for (;;) {
    co_await acceptor.wait();
    for (;;) {
      auto stream = acceptor.try_accept();
      if (!stream || !*stream) break;
      if (!connections.full()) (void)connections.adopt(serve(std::move(*stream), handler));
    }
  }
}

}  // namespace

SampleAnswer hello(const SampleRequest& request) {
  return {200, "text/plain",
          fmt::format("Hello! You asked for {} and a service behind Gatehouse answers.\n", request.target)};
}

SampleAnswer echo(const SampleRequest& request) {
  JsonText json;
  json.begin_object()
      .field("method", request.method)
      .field("target", request.target)
      .key("headers")
      .begin_object();
  for (const auto& [name, value] : request.headers) json.field(name, value);
  json.end_object().field("body", request.body).end_object();
  return {200, "application/json", json.take()};
}

SampleService::SampleService(SampleHandler handler) {
  auto bound = net::bind_socket(net::SocketAddress::of(IpAddress::v4(0x7f000001), 0), {.reuse_port = false});
  if (!bound) std::abort();
  address_ = (*bound)->address();
  std::latch made(1);
  thread_ = std::thread([this, &made, handler = std::move(handler), socket = std::move(*bound)]() mutable {
    net::SystemClock clock;
    net::EpollPoller poller;
    net::Loop loop(clock, poller, 1);
    net::SocketNetwork network(loop, poller);
    auto acceptor = network.accept_on(std::move(socket));
    if (!acceptor) std::abort();
    net::Nursery connections(loop, kMaxConnections);
    auto accepting = accept_all(**acceptor, connections, handler);
    loop_ = &loop;
    made.count_down();
    loop.run();
    told_to_stop_.wait();
  });
  made.wait();
}

SampleService::~SampleService() {
  loop_->stop();
  told_to_stop_.count_down();
  thread_.join();
}

}  // namespace gatehouse::app
