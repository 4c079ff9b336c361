#include "app/http_request.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/arena.h"
#include "http/chunked.h"
#include "http/h1_reader.h"

namespace gatehouse::app {
namespace {

class Socket {
 public:
  explicit Socket(int fd) noexcept : fd_(fd) {}
  Socket(Socket&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

std::string place(const HttpRequest& r) {
  const bool v6 = r.host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", r.host, r.port) : fmt::format("{}:{}", r.host, r.port);
}

std::expected<Socket, std::string> connect_to(const HttpRequest& r) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int trouble = ::getaddrinfo(r.host.c_str(), std::to_string(r.port).c_str(), &hints, &found);
  if (trouble != 0) return std::unexpected(fmt::format("{}: {}", r.host, ::gai_strerror(trouble)));
  int last = 0;
  for (addrinfo* a = found; a; a = a->ai_next) {
    Socket socket(::socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol));
    timeval limit{r.timeout_seconds, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (socket.get() >= 0 && ::connect(socket.get(), a->ai_addr, a->ai_addrlen) == 0) {
      ::freeaddrinfo(found);
      return socket;
    }
    last = errno;
  }
  ::freeaddrinfo(found);
  return std::unexpected(fmt::format("no gateway answers on {}: {}", place(r), std::strerror(last)));
}

std::string request_text(const HttpRequest& r) {
  std::string text =
      fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", r.method, r.target, place(r));
  for (const auto& [name, value] : r.headers) text += fmt::format("{}: {}\r\n", name, value);
  if (!r.body.empty() || r.method == "POST" || r.method == "PUT")
    text += fmt::format("Content-Length: {}\r\n", r.body.size());
  return text + "\r\n" + r.body;
}

// All that comes until the end: the request said `Connection: close`.
std::expected<std::string, std::string> exchange(int fd, const HttpRequest& r) {
  std::string text = request_text(r);
  for (std::size_t sent = 0; sent < text.size();) {
    ssize_t n = ::send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) break;  // an early answer may be there to be read
    sent += static_cast<std::size_t>(n);
  }
  std::string received;
  std::array<char, 16384> buffer;
  for (;;) {
    ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return std::unexpected(fmt::format("{} did not answer in time", place(r)));
    if (n < 0 && received.empty())
      return std::unexpected(fmt::format("{}: {}", place(r), std::strerror(errno)));
    if (n <= 0) return received;
    received.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

std::string unchunked(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto line = text.find("\r\n");
    if (line == std::string_view::npos) break;
    std::size_t size = std::strtoul(std::string(text.substr(0, line)).c_str(), nullptr, 16);
    text.remove_prefix(line + 2);
    if (size == 0 || size > text.size()) break;
    out += text.substr(0, size);
    text.remove_prefix(std::min(text.size(), size + 2));
  }
  return out;
}

}  // namespace

std::expected<HttpAnswer, std::string> send(const HttpRequest& request) {
  auto socket = connect_to(request);
  if (!socket) return std::unexpected(socket.error());
  auto received = exchange(socket->get(), request);
  if (!received) return std::unexpected(received.error());
  BlockPool pool;
  Arena arena(pool);
  http::H1ResponseReader reader(http::H1Limits{});
  http::ResponseHead head(arena);
  auto progress = reader.feed(*received, http::method_of(request.method), head);
  if (!progress || *progress != http::Progress::done)
    return std::unexpected(fmt::format("what answers on {} does not speak HTTP/1.1 well", place(request)));
  HttpAnswer answer;
  answer.status = head.status;
  for (const auto& h : head.headers) answer.headers.emplace_back(std::string(h.name), std::string(h.value));
  answer.body = received->substr(reader.consumed());
  if (reader.framing().kind == http::Framing::Kind::chunked) answer.body = unchunked(answer.body);
  return answer;
}

}  // namespace gatehouse::app
