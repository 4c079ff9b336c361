// What one seed plays: the world's faults, the gateway's settings, and what every client and service does.
//
// All of it is drawn before the first step, so that a plan can be printed, and a plan can be written by hand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/random.h"
#include "base/time.h"
#include "net/memory_network.h"

namespace gatehouse::sim {

enum class BodyKind : std::uint8_t { none, length, chunked, until_close };

struct BodyPlan {
  BodyKind kind = BodyKind::none;
  std::size_t size = 0;
  std::size_t chunk = 1000;  // bytes of a chunk
  bool trailers = false;     // chunked only
};

// What a service does when a request arrives there.
enum class Act : std::uint8_t {
  answer,
  early,              // answers before it reads the body
  never,              // reads everything and says nothing
  close_before_head,  // a FIN instead of an answer
  reset_before_head,
  reset_after_head,
  cut_body,  // half of the body, then a FIN
  stall_body,
  malformed,
};
std::string_view name_of(Act act) noexcept;

struct ServicePlan {
  Act act = Act::answer;
  std::uint16_t status = 200;
  BodyPlan body;
  Duration delay{};         // before the head
  Duration piece_delay{};   // between pieces of the body
  unsigned interim = 0;     // 103s before the head
  unsigned variant = 0;     // of Act::malformed
  bool close = false;       // says `Connection: close`
  unsigned keep_alive = 0;  // says `Keep-Alive: timeout=N`
};

enum class Route : std::uint8_t {
  service,
  generation,
  redirect,
  role,
  nowhere,
  wrong_method,
  weights,    // a split between two services
  rewritten,  // a path that is written in one of many ways, and rewritten
};

// Where a client leaves its path.
enum class Misbehaviour : std::uint8_t {
  none,
  malformed,      // `variant` says how
  broken_chunk,   // a chunked body that is not one
  stall_in_head,  // sends `stop_at` bytes, then nothing
  stall_in_body,
  abort_in_request,  // closes after `stop_at` bytes of the request ...
  abort_in_answer,   // ... or of the answer
  stop_reading,      // of a large answer
  trickle,           // a body that comes below the minimum rate
};

// What one side of a tunnel does.
struct TalkPlan {
  enum class End : std::uint8_t {
    finishes,  // when it has said all
    waits,     // for the other one's end
    stays,     // beyond that
    reset,     // when it has said all
  };
  std::size_t bytes = 0;
  std::size_t early = 0;  // of these: behind the head, in the same piece
  std::size_t piece = SIZE_MAX;
  Duration piece_delay{};
  End end = End::waits;
};
struct TunnelPlan {
  TalkPlan client;
  TalkPlan service;
};

struct RequestPlan {
  std::uint64_t id = 0;
  std::string method = "GET";
  bool http10 = false;
  bool keep_alive10 = false;  // HTTP/1.0 with `Connection: keep-alive`
  bool close = false;         // says `Connection: close`
  Route route = Route::service;
  std::string service = "alpha";
  unsigned path = 0;  // of Route::rewritten: how it is written
  BodyPlan body;
  bool expect_continue = false;
  unsigned later_request = 0;   // ms that the test filter waits, before the target ...
  unsigned later_response = 0;  // ... and before the answer
  bool denied = false;          // the test filter refuses it
  std::string role;             // what the test filter says about the client
  Misbehaviour misbehaviour = Misbehaviour::none;
  unsigned variant = 0;
  std::size_t stop_at = 0;
  bool reset = false;            // an abort is a RST
  std::size_t piece = SIZE_MAX;  // bytes a send
  Duration piece_delay{};
  std::vector<ServicePlan> acts;  // by attempt; the last one repeats
  // It asks for a WebSocket, and gets one where an act has status 101. The last request of its connection.
  std::optional<TunnelPlan> tunnel{};

  bool unsafe() const noexcept;
  const ServicePlan& act(std::size_t attempt) const noexcept {
    return acts[attempt < acts.size() ? attempt : acts.size() - 1];
  }
};

// How a client begins where the listener speaks TLS.
struct HelloPlan {
  enum class Manner : std::uint8_t {
    honest,
    silent,      // connects and says nothing
    stalls,      // says a part of its hello, then nothing
    garbage,     // begins a record and says nonsense
    clear_text,  // speaks HTTP
    leaves,      // in the middle of the handshake, if that takes so long
  };
  Manner manner = Manner::honest;
  bool old_version = false;  // TLS 1.2
  bool resumes = false;      // goes on with a session, if there was one
  bool by_address = false;   // names no server
  std::size_t stop_at = 0;
  Duration leaves_after{};
  bool reset = false;
};
std::string_view name_of(HelloPlan::Manner manner) noexcept;

struct ConnectionPlan {
  enum class End : std::uint8_t { close, linger, half_close };
  Duration start{};
  IpAddress from = IpAddress::v4(0xc0000201);  // 192.0.2.1
  std::vector<RequestPlan> requests;
  bool pipelined = false;
  End end = End::close;
  std::size_t read_size = 16384;
  Duration read_delay{};  // a slow reader
  Duration pause{};       // between an answer and the next request
  HelloPlan hello{};      // of TLS
};

// Which test filters stand in the chains.
struct FilterPlan {
  bool later = true;
  bool refusal = true;
};

// TLS, on either side of the gateway.
struct TlsPlan {
  bool clients = false;         // the listener speaks it
  bool services = false;        // some services do: speaks_tls
  bool renewed = false;         // a reload brings the listener another certificate
  bool old_services = false;    // they speak TLS 1.2
  bool impostor = false;        // an address of `alpha` shows a certificate that nobody trusts
  double failing_services = 0;  // chance that a service fails a handshake
};

// Active checks of `alpha`, and when which of its endpoints fails them.
struct HealthPlan {
  enum class Failing : std::uint8_t { status, close, silence };
  struct Spell {
    std::size_t endpoint = 0;  // of kAlpha
    Failing failing = Failing::status;
    Duration from{};
    Duration to{};
  };
  bool checked = false;
  Duration every = 500ms;
  unsigned fall = 2;
  unsigned rise = 2;
  std::vector<Spell> spells;  // one an endpoint, at most
};

// How much the gateway lets in.
struct LimitPlan {
  std::size_t max_body = 0;    // 0 = none
  unsigned per_address = 0;    // connections of one client; 0 = none
  unsigned max_in_flight = 3;  // of `gamma`
};

struct Timeouts {
  Duration head = 10s;
  Duration body_idle = 15s;
  Duration keep_alive = 20s;
  Duration write_idle = 15s;
  Duration service = 10s;
  Duration service_body_idle = 15s;
  Duration deadline = 30s;
  Duration drain = 5s;
  Duration handshake = 20s;
  Duration connect = 5s;
  Duration stream_idle = 20s;
};

struct Plan {
  std::uint64_t seed = 0;
  net::MemoryFaults faults;
  unsigned workers = 2;
  bool half_close = false;
  FilterPlan filters;
  TlsPlan tls;
  HealthPlan health;
  bool tunnels = false;  // some requests ask for one
  LimitPlan limits;
  Timeouts timeouts;
  bool dead_endpoint = false;           // one address of `alpha` refuses
  bool unix_socket = false;             // `beta` is on one
  double idle_close = 0;                // chance that a service closes an idle connection
  std::vector<Duration> reloads;        // when
  Duration drain_at = Duration::max();  // in the middle of the load; max = after it
  std::vector<ConnectionPlan> connections;

  // Connections break by themselves.
  bool breaks() const noexcept { return faults.reset > 0 || faults.fin > 0; }
  // Connections cannot always be made.
  bool connect_trouble() const noexcept {
    return faults.connect_refused > 0 || faults.connect_unanswered > 0 || faults.connect_no_descriptors > 0;
  }
  // The gateway closes idle connections to get descriptors, for new connections and for those to services.
  bool sheds_idle() const noexcept {
    return faults.accept_no_descriptors > 0 || faults.connect_no_descriptors > 0;
  }
  bool too_large(const BodyPlan& b) const noexcept {
    return limits.max_body > 0 && b.kind != BodyKind::none && b.size > limits.max_body;
  }
  bool drains_early() const noexcept { return drain_at != Duration::max(); }
  // How much later than planned something may be seen.
  Duration slack() const noexcept;

  static Plan draw(std::uint64_t seed);
};

}  // namespace gatehouse::sim
