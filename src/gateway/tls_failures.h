// TLS handshakes of clients that failed, told of in few lines: the first of a kind at once, what follows
// together. While more of a kind come, a line sums up a second of them, then two, four, up to a minute: a
// scanner costs a line a minute.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/ip.h"
#include "net/loop.h"

namespace gatehouse::gateway {

// Alike: of one listener, for one reason.
struct FailedHandshakes {
  std::string listener;
  Error error;       // its detail, of static lifetime, is the reason in words
  IpAddress client;  // of the last one
  std::uint64_t count = 0;
};

// One per worker. Thread: its loop. Bounded: reasons are OpenSSL's and ours, and a kind is forgotten when
// none of it has come for a minute.
class TlsFailures {
 public:
  using Tell = std::function<void(const FailedHandshakes&)>;  // on the worker's thread; must not block
  static constexpr Duration kFirst = 1s;
  static constexpr Duration kLongest = 60s;

  TlsFailures(net::Loop& loop, Tell tell);
  TlsFailures(const TlsFailures&) = delete;

  void note(std::string_view listener, const IpAddress& client, const Error& error);

 private:
  struct Kind {
    FailedHandshakes since;  // the last line
    Duration wait;           // between two lines
    Time next;               // no line before
    Time last;               // failure
  };
  void look();

  net::Loop& loop_;
  Tell tell_;
  std::map<std::pair<std::string, std::string_view>, Kind> kinds_;  // by listener and reason
  net::Timer timer_;
};

}  // namespace gatehouse::gateway
