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

  // Until both sides have ended, one of them has broken off, or nothing has moved for `stream_idle`. When one
  // side has ended, the other has 30 s to do so. Once.
  net::Task<void> run();
  void note_failure(const Error& e) noexcept;
  // Instead of running on: the client is gone altogether, and the service gets to see that.
  void client_gone() noexcept;

 private:
  enum class End : std::uint8_t {
    orderly,        // the sender has ended, and the receiver was told
    receiver_gone,  // but it may have said something before
    broken,         // nothing can follow
  };
  // One direction. References into the tunnel and its connection.
  struct Way {
    net::Stream& from;
    net::Stream& to;
    Origin sender;
    std::uint64_t& bytes;
    bool& ended;           // the sender has, in order
    const bool& answered;  // the receiver has, in its own direction
  };
  net::Task<End> pump(Way way, Slice first);
  End lost_sender(const Way& way) noexcept;
  End lost_receiver(const Way& way, Errc code) noexcept;
  static void idle_long_enough(void* self) noexcept;

  Worker& worker_;
  net::Stream& client_;
  std::unique_ptr<upstream::Tunnel> service_;
  std::unique_ptr<KeptRecord> record_;
  Slice input_;
  Time began_;
  Time moved_;                 // when bytes last went
  std::uint8_t sending_ = 0;   // directions in which some wait to be taken: those sends watch over themselves
  bool client_ended_ = false;  // in order
  bool service_ended_ = false;  // likewise
  bool over_ = false;           // we have ended it
  net::Timer idle_timer_;
};

}  // namespace gatehouse::gateway
