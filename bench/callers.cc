// HTTP/1.1 requests with a bearer token in each, on keep-alive connections, by one thread:
//   callers PORT SECONDS CONNECTIONS TOKENS_FILE [option...]
//     rate=N      open loop: so many are due a second, evenly, and a time counts from when its request was
//     due;
//                 without it a connection asks anew as soon as it is answered
//     warm=S      times of the first S seconds do not count
//     from=IP     the clients' address
//     first=N     only the first N tokens of the file
//     requests=N  so many at most
//     in-turn     tokens in the file's order; otherwise at random
//     path=A,B    what is asked for, in turn; /api/items otherwise
//     forged      each token with a wrong signature of its own
//     window=N    N tokens of each key: those of one key, and of the one before; a line on stdin: the next
//     key
// Prints, as JSON: answers, those a second, how many of each status (0: closed without an answer), and the
// 50th and 99th percentile in microseconds of all that are counted.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "callers: %s\n", what.c_str());
  std::exit(1);
}

struct Options {
  int port = 0, connections = 0;
  double seconds = 0, rate = 0, warm = 0;
  std::string from = "127.0.0.1";
  std::vector<std::string> paths = {"/api/items"};
  std::size_t first = 0, window = 0, requests = SIZE_MAX;
  bool in_turn = false, forged = false;
};

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> all;
  while (!list.empty()) {
    all.emplace_back(list.substr(0, list.find(',')));
    list.remove_prefix(std::min(list.size(), all.back().size() + 1));
  }
  if (all.empty()) die("path= names none");
  return all;
}

Options options_of(int argc, char** argv) {
  if (argc < 5) die("PORT SECONDS CONNECTIONS TOKENS_FILE [option...]");
  Options o{.port = std::atoi(argv[1]), .connections = std::atoi(argv[3]), .seconds = std::atof(argv[2])};
  for (int i = 5; i < argc; ++i) {
    const std::string_view all = argv[i];
    const std::string_view name = all.substr(0, all.find('='));
    const char* value = name.size() < all.size() ? argv[i] + name.size() + 1 : "";
    if (name == "rate")
      o.rate = std::atof(value);
    else if (name == "warm")
      o.warm = std::atof(value);
    else if (name == "from")
      o.from = value;
    else if (name == "path")
      o.paths = split(value);
    else if (name == "first")
      o.first = std::strtoul(value, nullptr, 10);
    else if (name == "requests")
      o.requests = std::strtoul(value, nullptr, 10);
    else if (name == "window")
      o.window = std::strtoul(value, nullptr, 10);
    else if (all == "in-turn")
      o.in_turn = true;
    else if (all == "forged")
      o.forged = true;
    else
      die("unknown option " + std::string(all));
  }
  return o;
}

// Which token is next.
class Tokens {
 public:
  Tokens(const char* file, const Options& o) : options_(o), random_(std::random_device{}()) {
    std::ifstream in(file);
    for (std::string line; (o.first == 0 || tokens_.size() < o.first) && std::getline(in, line);)
      tokens_.push_back(line);
    if (tokens_.empty()) die(std::string("no tokens in ") + file);
  }

  // Valid until the next call.
  std::string_view next() {
    if (options_.forged) return forged(tokens_[random_() % tokens_.size()]);
    if (options_.in_turn) return tokens_[turn_++ % tokens_.size()];
    if (options_.window == 0) return tokens_[random_() % tokens_.size()];
    const std::size_t begin = key_ == 0 ? 0 : (key_ - 1) * options_.window;
    const std::size_t end = std::min((key_ + 1) * options_.window, tokens_.size());
    return tokens_[begin + random_() % (end - begin)];
  }

  void next_key() {
    if ((++key_ + 1) * options_.window > tokens_.size()) die("no tokens of the next key");
  }

 private:
  // The signature's middle is another: it stays well-formed, and of the right size.
  std::string_view forged(const std::string& token) {
    constexpr std::size_t kChanged = 16;
    static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    forged_ = token;
    const std::size_t at = forged_.rfind('.') + 100;
    for (std::size_t i = 0; i < kChanged; ++i) forged_[at + i] = kDigits[random_() % 64];
    return forged_;
  }

  const Options& options_;
  std::mt19937_64 random_;
  std::vector<std::string> tokens_;
  std::string forged_;
  std::size_t turn_ = 0, key_ = 0;
};

struct Connection {
  int fd = -1;
  bool asked = false;
  Time due;
  std::string answer;  // what has come of it
};

class Load {
 public:
  Load(const Options& o, Tokens& tokens)
      : options_(o),
        tokens_(tokens),
        epoll_(::epoll_create1(0)),
        connections_(static_cast<std::size_t>(o.connections)) {
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    if (o.window > 0) watch(STDIN_FILENO, nullptr);
    for (Connection& c : connections_) {
      open(c);
      free_.push_back(&c);
    }
  }

  void run() {
    const Time start = Clock::now();
    const auto since_start = [&](double seconds) {
      return start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    };
    const Time end = since_start(options_.seconds), given_up = since_start(options_.seconds + 10);
    counted_from_ = since_start(options_.warm);
    std::uint64_t scheduled = 0;
    const auto asking = [&](Time now) { return now < end && sent_ < options_.requests; };
    for (Time now = start; asking(now) || free_.size() < connections_.size(); now = Clock::now()) {
      if (now > given_up) die("not all were answered within 10 s");
      if (!asking(now)) {
        unsent_ += due_.size();
        for (Time due : due_) took(due, now);
        due_.clear();
      } else if (options_.rate > 0) {
        for (Time t; (t = since_start(static_cast<double>(scheduled) / options_.rate)) <= now; ++scheduled)
          due_.push_back(t);
        while (!due_.empty() && !free_.empty() && asking(now)) {
          ask(due_.front());
          due_.pop_front();
        }
      } else {
        while (!free_.empty() && asking(now)) ask(now);
      }
      const bool later = options_.rate > 0 && asking(now);
      wait((later ? since_start(static_cast<double>(scheduled) / options_.rate)
                  : now + std::chrono::milliseconds(100)) -
           now);
    }
  }

  void print() {
    std::sort(times_.begin(), times_.end());
    const auto percentile = [&](double p) {
      return times_.empty()
                 ? 0
                 : times_[static_cast<std::size_t>(p * static_cast<double>(times_.size() - 1))] / 1e3;
    };
    std::printf(R"({"answers": %llu, "unsent": %llu, "rate": %.1f, "p50": %.1f, "p99": %.1f, "statuses": {)",
                static_cast<unsigned long long>(answers_), static_cast<unsigned long long>(unsent_),
                static_cast<double>(answers_) / options_.seconds, percentile(0.5), percentile(0.99));
    const char* comma = "";
    for (auto [status, n] : statuses_) {
      std::printf("%s\"%d\": %llu", comma, status, static_cast<unsigned long long>(n));
      comma = ", ";
    }
    std::printf("}}\n");
  }

 private:
  void watch(int fd, Connection* c) {
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.ptr = c;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e) != 0) die("epoll_ctl");
  }

  void open(Connection& c) {
    c.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in from{}, to{};
    from.sin_family = to.sin_family = AF_INET;
    if (::inet_pton(AF_INET, options_.from.c_str(), &from.sin_addr) != 1)
      die("not an address: " + options_.from);
    to.sin_port = htons(static_cast<std::uint16_t>(options_.port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(c.fd, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0 ||
        ::connect(c.fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
      die(std::string("connect: ") + std::strerror(errno));
    ::fcntl(c.fd, F_SETFL, O_NONBLOCK);
    c.answer.clear();
    watch(c.fd, &c);
  }

  void ask(Time due) {
    Connection& c = *free_.front();
    free_.pop_front();
    request_.assign("GET ").append(options_.paths[sent_ % options_.paths.size()]);
    request_.append(" HTTP/1.1\r\nHost: api.example.com\r\nX-Tier: gold\r\nAuthorization: Bearer ");
    request_.append(tokens_.next()).append("\r\n\r\n");
    c.asked = true;
    c.due = due;
    ++sent_;
    // Small, and the one before was answered: the socket's buffer is empty. What has been closed is told by
    // reading.
    if (const auto n = ::send(c.fd, request_.data(), request_.size(), MSG_NOSIGNAL);
        n >= 0 && n != static_cast<ssize_t>(request_.size()))
      die("a request was sent in part");
  }

  void wait(Clock::duration most) {
    const auto ns =
        std::max<long long>(0, std::chrono::duration_cast<std::chrono::nanoseconds>(most).count());
    const timespec patience{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
    epoll_event events[256];
    const int n = ::epoll_pwait2(epoll_, events, 256, &patience, nullptr);
    for (int i = 0; i < n; ++i) {
      if (events[i].data.ptr)
        read(*static_cast<Connection*>(events[i].data.ptr));
      else
        read_command();
    }
  }

  void read_command() {
    char piece[64];
    const auto n = ::read(STDIN_FILENO, piece, sizeof piece);
    if (n <= 0) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, STDIN_FILENO, nullptr);
    for (ssize_t i = 0; i < n; ++i)
      if (piece[i] == '\n') tokens_.next_key();
  }

  void read(Connection& c) {
    char piece[16384];
    const auto n = ::recv(c.fd, piece, sizeof piece, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      ::close(c.fd);
      open(c);
      if (c.asked) answered(c, 0);
      return;
    }
    if (!c.asked) die("an answer that nobody asked for");
    c.answer.append(piece, static_cast<std::size_t>(n));
    const std::size_t head = c.answer.find("\r\n\r\n");
    if (head == std::string::npos) return;
    const char* length = ::strcasestr(c.answer.c_str(), "\r\ncontent-length:");
    if (!length || length > c.answer.c_str() + head)
      die("an answer without Content-Length: " + c.answer.substr(0, head));
    if (c.answer.size() < head + 4 + std::strtoul(length + 17, nullptr, 10)) return;
    const int status = std::atoi(c.answer.c_str() + 9);
    c.answer.clear();
    answered(c, status);
  }

  void answered(Connection& c, int status) {
    ++answers_;
    ++statuses_[status];
    took(c.due, Clock::now());
    c.asked = false;
    free_.push_back(&c);
  }

  void took(Time due, Time until) {
    if (due < counted_from_) return;
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(until - due).count();
    times_.push_back(static_cast<std::uint32_t>(std::min<long long>(ns, UINT32_MAX)));
  }

  const Options& options_;
  Tokens& tokens_;
  int epoll_;
  std::vector<Connection> connections_;
  std::deque<Connection*> free_;
  std::deque<Time> due_;  // of the open loop: wait for a connection
  Time counted_from_;
  std::string request_;
  std::uint64_t answers_ = 0, sent_ = 0, unsent_ = 0;
  std::map<int, std::uint64_t> statuses_;
  std::vector<std::uint32_t> times_;  // ns
};

}  // namespace

int main(int argc, char** argv) {
  const Options options = options_of(argc, argv);
  Tokens tokens(argv[4], options);
  Load load(options, tokens);
  load.run();
  load.print();
}
