// What a connection becomes behind a `101`: bytes in both directions that nobody reads.
//
// It holds registry references only, no snapshot: a thousand reloads under an open WebSocket pin nothing.
#pragma once

#include <cstdint>
#include <memory>

#include "gateway/record.h"
#include "net/stream.h"
#include "net/task.h"
#include "upstream/tunnel.h"

namespace gatehouse::gateway {

class Worker;

// Owned by its connection. Its destructor ends it and hands its record in. Thread: its worker.
class Tunnel {
 public:
  // `input`: what the client has sent behind its request.
  Tunnel(Worker& worker, net::Stream& client, Slice input, std::unique_ptr<upstream::Tunnel> service,
         std::unique_ptr<KeptRecord> record);
  Tunnel(const Tunnel&) = delete;
  ~Tunnel();

  // Until both sides have ended, one of them has failed, or nothing has moved for `stream_idle`. When one
  // side has ended in order, the other has 30 s to do so. Once.
  net::Task<void> run();
  void note_failure(const Error& e) noexcept;
  // Instead of running on: the client is gone altogether, and the service gets to see that.
  void client_gone() noexcept;

 private:
  struct Way {
    net::Stream& from;
    net::Stream& to;
    Origin sender;
    std::uint64_t& bytes;
  };
  net::Task<bool> pump(Way way, Slice first);
  void failed(const Error& e, Origin whose) noexcept;
  static void idle_long_enough(void* self) noexcept;

  Worker& worker_;
  net::Stream& client_;
  std::unique_ptr<upstream::Tunnel> service_;
  std::unique_ptr<KeptRecord> record_;
  Slice input_;
  Time began_;
  Time moved_;            // when bytes last went
  unsigned sending_ = 0;  // directions in which some wait to be taken: those sends watch over themselves
  net::Timer idle_timer_;
};

}  // namespace gatehouse::gateway
