// What all loops share about one endpoint: its address, and one atomic word that says whether to use it.
//
// Owner: the set of its service (shared_endpoint_set.h). The word is written by any loop; every write is a
// single compare-and-swap or store of the whole word, and nothing else hangs on its value, so relaxed order
// is enough: a loop that sees it late sends one more connection to an endpoint that refuses it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/time.h"
#include "net/address.h"
#include "net/tls_context.h"

namespace gatehouse::upstream {

// How to speak TLS with an endpoint.
struct EndpointTls {
  std::shared_ptr<const net::TlsClientContext> context;
  std::string server_name;
  friend bool operator==(const EndpointTls&, const EndpointTls&) = default;
};

class Endpoint {
 public:
  Endpoint(net::SocketAddress address, std::string name, EndpointTls tls = {})
      : address_(std::move(address)), name_(std::move(name)), tls_(std::move(tls)) {}

  const net::SocketAddress& address() const noexcept { return address_; }
  const std::string& name() const noexcept { return name_; }  // for logs: "10.0.0.7:8080"
  const EndpointTls& tls() const noexcept { return tls_; }    // without a context: clear text

  // True if requests may go there. After its time out, one caller is let through: a trial that others do not
  // share.
  bool usable(Time now) noexcept {
    std::uint64_t w = word_.load(std::memory_order_relaxed);
    if (w == 0) [[likely]]
      return true;
    if (w & kDown) return false;
    if (milliseconds(now) < until(w)) return false;
    std::uint64_t next = pack(refusals(w), milliseconds(now) + 1000);  // the trial's own time
    return word_.compare_exchange_strong(w, next, std::memory_order_relaxed);
  }
  // Whether `usable` would say so, without taking the trial.
  bool could_be_used(Time now) const noexcept {
    std::uint64_t w = word_.load(std::memory_order_relaxed);
    return w == 0 || (!(w & kDown) && milliseconds(now) >= until(w));
  }
  // A connection was accepted, or an old one has brought an answer: back in use at once.
  void answered() noexcept {
    std::uint64_t w = word_.load(std::memory_order_relaxed);
    if (w == 0) [[likely]]
      return;
    if (refusals(w) != 0) word_.compare_exchange_strong(w, w & kDown, std::memory_order_relaxed);
  }
  // Refusals in a row, as `refused` wants to be told them: read before the connection is begun.
  unsigned refusals() const noexcept {
    return static_cast<unsigned>(refusals(word_.load(std::memory_order_relaxed)));
  }
  // A connection that began after `seen` refusals was refused or timed out: left out for 1 s, doubling to
  // 30 s. Of many that were under way together only the first says something new.
  void refused(Time now, unsigned seen) noexcept {
    std::uint64_t n = seen < 6 ? seen + 1 : 6;
    std::uint64_t wait = n < 6 ? 1000ULL << (n - 1) : 30'000;
    std::uint64_t w = word_.load(std::memory_order_relaxed);
    while (refusals(w) == seen &&
           !word_.compare_exchange_weak(w, (w & kDown) | pack(n, milliseconds(now) + wait),
                                        std::memory_order_relaxed)) {
    }
  }
  // What active checks say; published by control.
  void set_checked(bool up) noexcept {
    if (up) {
      word_.fetch_and(~kDown, std::memory_order_relaxed);
    } else {
      word_.fetch_or(kDown, std::memory_order_relaxed);
    }
  }
  bool checked_down() const noexcept { return word_.load(std::memory_order_relaxed) & kDown; }
  bool left_out(Time now) const noexcept {
    std::uint64_t w = word_.load(std::memory_order_relaxed);
    return refusals(w) != 0 && milliseconds(now) < until(w);
  }

 private:
  static constexpr std::uint64_t kDown = 1ULL << 63;
  static constexpr std::uint64_t pack(std::uint64_t refusals, std::uint64_t until) noexcept {
    return (until << 3) | refusals;
  }
  static constexpr std::uint64_t refusals(std::uint64_t w) noexcept { return w & 7; }
  static constexpr std::uint64_t until(std::uint64_t w) noexcept { return (w & ~kDown) >> 3; }
  static std::uint64_t milliseconds(Time t) noexcept {
    return static_cast<std::uint64_t>(t.time_since_epoch() / 1ms);
  }

  net::SocketAddress address_;
  std::string name_;
  EndpointTls tls_;
  std::atomic<std::uint64_t> word_ =
      0;  // 63: checked down; 3..62: left out until, ms; 0..2: refusals in a row
};

}  // namespace gatehouse::upstream
