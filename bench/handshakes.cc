// Opens TLS 1.3 connections, one after the other on each of some threads, for some seconds:
//   handshakes full|resumed|hello PORT SECONDS CONNECTIONS [NAMES_FILE]
// full, resumed: the handshake, GET /here, its answer, and an orderly end. hello: a flood, which costs the
// attacker nothing: the same ClientHello again and again, and the connection is reset once the server has
// computed its answer. NAMES_FILE: names by line, asked for at random; the certificate has to cover what was
// asked for. Prints how many there were. Ends with an error if one failed or, of "resumed", one in twenty was
// not (nor a first one).
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

std::string mode;
int port;
Clock::time_point deadline;
std::vector<std::string> names;
std::atomic<long> done, resumed, failed;

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "handshakes: %s\n", what);
  std::exit(1);
}

// From many addresses in turn: ports of ended connections stay taken for a while.
int connected(int thread) {
  static std::atomic<unsigned> next;
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  timeval patience{10, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(0x7f000000u + 256u * static_cast<unsigned>(thread + 1) + 1 + next++ % 250);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0 ||
      ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

int keep(SSL* ssl, SSL_SESSION* session) {
  auto*& kept = *static_cast<SSL_SESSION**>(SSL_get_app_data(ssl));
  SSL_SESSION_free(kept);
  kept = session;
  return 1;
}

// Asks, and reads the answer: the server's tickets come before it.
bool asked(SSL* ssl, const std::string& name) {
  std::string request = "GET /here HTTP/1.1\r\nHost: " + name + "\r\n\r\n";
  if (SSL_write(ssl, request.data(), static_cast<int>(request.size())) <= 0) return false;
  std::string answer;
  char piece[4096];
  while (!answer.ends_with("here\n")) {
    int n = SSL_read(ssl, piece, sizeof piece);
    if (n <= 0) return false;
    answer.append(piece, static_cast<std::size_t>(n));
  }
  return answer.starts_with("HTTP/1.1 200 ");
}

bool covered(SSL* ssl, const std::string& name) {
  X509* shown = SSL_get0_peer_certificate(ssl);
  return shown && X509_check_host(shown, name.data(), name.size(), 0, nullptr) == 1;
}

void handshakes(SSL_CTX* context, int thread) {
  std::minstd_rand random(static_cast<unsigned>(thread + 1));
  SSL_SESSION* session = nullptr;
  while (Clock::now() < deadline) {
    const std::string& name = names[random() % names.size()];
    int fd = connected(thread);
    SSL* ssl = SSL_new(context);
    SSL_set_app_data(ssl, &session);
    SSL_set_tlsext_host_name(ssl, name.c_str());
    if (mode == "resumed" && session) SSL_set_session(ssl, session);
    SSL_set_fd(ssl, fd);
    bool good =
        fd >= 0 && SSL_connect(ssl) == 1 && asked(ssl, name) && (names.size() == 1 || covered(ssl, name));
    if (good) {
      ++done;
      resumed += SSL_session_reused(ssl);
      SSL_shutdown(ssl);
    } else {
      ++failed;
    }
    SSL_free(ssl);
    if (fd >= 0) ::close(fd);
  }
  SSL_SESSION_free(session);
}

std::string client_hello(SSL_CTX* context) {
  SSL* ssl = SSL_new(context);
  SSL_set_tlsext_host_name(ssl, names.front().c_str());
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_connect(ssl);
  char* data = nullptr;
  long size = BIO_get_mem_data(SSL_get_wbio(ssl), &data);
  std::string hello(data, static_cast<std::size_t>(size));
  SSL_free(ssl);
  return hello;
}

void hellos(SSL_CTX* context, int thread) {
  const std::string hello = client_hello(context);
  while (Clock::now() < deadline) {
    int fd = connected(thread);
    char piece[4096];
    bool good = fd >= 0 && ::send(fd, hello.data(), hello.size(), MSG_NOSIGNAL) > 0 &&
                ::recv(fd, piece, sizeof piece, 0) > 0;
    ++(good ? done : failed);
    if (fd < 0) continue;
    linger reset{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    ::close(fd);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) die("full|resumed|hello PORT SECONDS CONNECTIONS [NAMES_FILE]");
  mode = argv[1];
  port = std::atoi(argv[2]);
  deadline = Clock::now() + std::chrono::milliseconds(static_cast<long>(1000 * std::atof(argv[3])));
  if (argc > 5) {
    std::ifstream file(argv[5]);
    for (std::string line; std::getline(file, line);) names.push_back(line);
  }
  if (names.empty()) names.emplace_back("gate.test");
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &keep);
  std::vector<std::jthread> threads;
  for (int i = 0; i < std::atoi(argv[4]); ++i)
    threads.emplace_back(mode == "hello" ? hellos : handshakes, context, i);
  threads.clear();
  SSL_CTX_free(context);
  std::printf("%ld\n", done.load());
  if (failed > 0) die("some failed");
  if (mode == "resumed" && resumed + std::atoi(argv[4]) < done - done / 20) die("too few were resumed");
}
