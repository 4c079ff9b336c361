// WebSocket (RFC 6455) as small as it can be, so that what stands between is what is measured:
//   websocket serve PORT
//       a service that sends every message back
//   websocket load PORT SECONDS CONNECTIONS
//       on each connection a message of 64 bytes, its echo, and so on; prints how many
//   websocket hold PORT CONNECTIONS
//       opens them, says "open", and holds them until its input ends
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMessage = 64;
constexpr std::size_t kEcho = 2 + kMessage;
constexpr std::array<unsigned char, 4> kMask = {0x37, 0xfa, 0x21, 0x3d};
constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in local(int port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(static_cast<std::uint16_t>(port));
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

void no_delay(int fd) {
  int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void watch(int epoll, int fd) {
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.fd = fd;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0) die("epoll_ctl");
}

void send_all(int fd, std::string_view data) {  // small enough that a socket takes it at once
  if (::send(fd, data.data(), data.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(data.size())) die("send");
}

std::string accept_of(std::string_view key) {
  std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr);
  unsigned char base64[64];
  int n = EVP_EncodeBlock(base64, digest, static_cast<int>(size));
  return {reinterpret_cast<char*>(base64), static_cast<std::size_t>(n)};
}

// ---- the service

std::string_view header(std::string_view head,
                        std::string_view name) {  // as lower-case or as our client writes it
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
    std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    if (line.size() <= name.size() || line[name.size()] != ':' ||
        ::strncasecmp(line.data(), name.data(), name.size()) != 0)
      continue;
    line.remove_prefix(name.size() + 1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    return line;
  }
  return {};
}

struct Peer {
  bool open = false;
  std::string waiting;  // less than a whole head or frame
};

// What of `in` are whole frames is answered; how much that was. Below 126 bytes each: nobody here sends more.
std::size_t echo(int fd, std::string_view in) {
  std::string out;
  std::size_t taken = 0;
  while (in.size() - taken >= 6) {
    const auto* frame = reinterpret_cast<const unsigned char*>(in.data()) + taken;
    std::size_t size = frame[1] & 0x7f;
    if (size > 125 || !(frame[1] & 0x80)) die("a frame that is too long or not masked");
    if (in.size() - taken < 6 + size) break;
    out += static_cast<char>(frame[0]);
    out += static_cast<char>(size);
    for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(frame[6 + i] ^ frame[2 + i % 4]);
    taken += 6 + size;
  }
  if (!out.empty()) send_all(fd, out);
  return taken;
}

// False: the connection is over.
bool serve_some(int fd, Peer& peer, std::string_view piece) {
  std::string joined;
  if (!peer.waiting.empty()) {
    joined = std::exchange(peer.waiting, {});
    joined += piece;
    piece = joined;
  }
  if (!peer.open) {
    std::size_t end = piece.find("\r\n\r\n");
    if (end == std::string_view::npos) {
      peer.waiting = piece;
      return true;
    }
    std::string_view key = header(piece.substr(0, end), "Sec-WebSocket-Key");
    if (key.empty()) {
      send_all(fd,
               "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: close\r\nContent-Length: "
               "0\r\n\r\n");
      return false;
    }
    send_all(fd,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
             "Upgrade\r\nSec-WebSocket-Accept: " +
                 accept_of(key) + "\r\n\r\n");
    peer.open = true;
    piece.remove_prefix(end + 4);
  }
  piece.remove_prefix(echo(fd, piece));
  peer.waiting = piece;
  return true;
}

int serve(int port) {
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at = local(port);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || ::listen(listener, 4096) != 0)
    die("listen");
  int epoll = ::epoll_create1(0);
  watch(epoll, listener);
  std::vector<Peer> peers;  // by descriptor
  std::array<epoll_event, 256> events;
  std::array<char, 65536> buffer;
  for (;;) {
    int n = ::epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < n; ++i) {
      int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        for (int s; (s = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
          no_delay(s);
          watch(epoll, s);
          if (peers.size() <= static_cast<std::size_t>(s)) peers.resize(static_cast<std::size_t>(s) + 1024);
        }
        continue;
      }
      Peer& peer = peers[static_cast<std::size_t>(fd)];
      ssize_t size = ::recv(fd, buffer.data(), buffer.size(), 0);
      if (size > 0 && serve_some(fd, peer, {buffer.data(), static_cast<std::size_t>(size)})) continue;
      if (size < 0 && errno == EAGAIN) continue;
      peer = {};
      ::close(fd);
    }
  }
}

// ---- the clients

std::vector<int> open_tunnels(int port, int count) {
  static const std::string request =
      "GET /chat HTTP/1.1\r\nHost: gate.test\r\nUpgrade: websocket\r\nConnection: "
      "Upgrade\r\nSec-WebSocket-Key: " +
      std::string(kKey) + "\r\nSec-WebSocket-Version: 13\r\n\r\n";
  const std::string accept = accept_of(kKey);
  std::vector<int> open;
  for (int i = 0; i < count; ++i) {
    int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to = local(port);
    timeval patience{10, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) die("connect");
    no_delay(fd);
    send_all(fd, request);
    std::string answer;
    while (!answer.ends_with("\r\n\r\n")) {
      char piece[4096];
      ssize_t n = ::recv(fd, piece, sizeof piece, 0);
      if (n <= 0) die("no answer to the offer of WebSocket");
      answer.append(piece, static_cast<std::size_t>(n));
    }
    if (!answer.starts_with("HTTP/1.1 101 ") || header(answer, "Sec-WebSocket-Accept") != accept) {
      std::fprintf(stderr, "websocket: refused: %s\n", answer.c_str());
      std::exit(1);
    }
    open.push_back(fd);
  }
  return open;
}

std::string message() {
  std::string frame = {'\x82', static_cast<char>(0x80 | kMessage)};
  frame.append(reinterpret_cast<const char*>(kMask.data()), kMask.size());
  for (std::size_t i = 0; i < kMessage; ++i) frame += static_cast<char>(i ^ kMask[i % 4]);
  return frame;
}

bool is_echo(const char* data) {
  if (data[0] != '\x82' || data[1] != static_cast<char>(kMessage)) return false;
  for (std::size_t i = 0; i < kMessage; ++i)
    if (data[2 + i] != static_cast<char>(i)) return false;
  return true;
}

int load(int port, double seconds, int count) {
  const std::string frame = message();
  std::vector<int> open = open_tunnels(port, count);
  int epoll = ::epoll_create1(0);
  struct Reading {
    std::size_t size = 0;
    std::array<char, kEcho> data;
  };
  std::vector<Reading> reading(static_cast<std::size_t>(open.back()) + 1);
  for (int fd : open) watch(epoll, fd);
  auto deadline = Clock::now() + std::chrono::milliseconds(static_cast<long>(1000 * seconds));
  for (int fd : open) send_all(fd, frame);
  long echoes = 0;
  std::array<epoll_event, 256> events;
  while (Clock::now() < deadline) {
    int n = ::epoll_wait(epoll, events.data(), events.size(), 5000);
    if (n <= 0) die("no echo in 5 s");
    for (int i = 0; i < n; ++i) {
      int fd = events[static_cast<std::size_t>(i)].data.fd;
      Reading& r = reading[static_cast<std::size_t>(fd)];
      ssize_t size = ::recv(fd, r.data.data() + r.size, kEcho - r.size, 0);
      if (size <= 0) die("a tunnel ended");
      r.size += static_cast<std::size_t>(size);
      if (r.size < kEcho) continue;
      if (!is_echo(r.data.data())) {
        std::fprintf(stderr, "websocket: what came back is not what was sent\n");
        return 1;
      }
      r.size = 0;
      ++echoes;
      send_all(fd, frame);
    }
  }
  std::printf("%ld\n", echoes);
  return 0;
}

int hold(int port, int count) {
  std::vector<int> open = open_tunnels(port, count);
  std::printf("open\n");
  std::fflush(stdout);
  char byte;
  while (::read(0, &byte, 1) > 0) {
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "serve" && argc == 3) return serve(std::atoi(argv[2]));
  if (mode == "load" && argc == 5) return load(std::atoi(argv[2]), std::atof(argv[3]), std::atoi(argv[4]));
  if (mode == "hold" && argc == 4) return hold(std::atoi(argv[2]), std::atoi(argv[3]));
  std::fprintf(stderr, "websocket serve PORT | load PORT SECONDS CONNECTIONS | hold PORT CONNECTIONS\n");
  return 2;
}
