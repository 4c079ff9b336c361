// Whether all loops of the process turn: what a watchdog is told.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/loop.h"
#include "net/task.h"

namespace gatehouse::control {

// What systemd says of its watchdog, sd_watchdog_enabled(3): `usec` is $WATCHDOG_USEC, `pid` $WATCHDOG_PID,
// `own` this process. Nothing where there is none, or it is meant for another process.
std::optional<Duration> watchdog_of(const std::optional<std::string>& usec,
                                    const std::optional<std::string>& pid, int own);

// Sends a letter around: each of the other loops gets one piece of mail, and one from each comes back. When
// all are back, all loops have turned, this one too, and that is a beat. A loop that is stuck owes its
// letter, so there is no beat and no second letter until it turns again. A request knows nothing of it.
//
// Thread: that of `loop`, which outlives the others.
class Heartbeat {
 public:
  // Letters go out every `every`, at once for the first time; `beat` is called on `loop`. The others are
  // there as long as `loop` turns.
  Heartbeat(net::Loop& loop, std::vector<net::Loop*> others, Duration every, std::function<void()> beat);
  Heartbeat(const Heartbeat&) = delete;

 private:
  struct Round {
    explicit Round(net::Loop& loop) noexcept : back(loop) {}
    std::size_t owed = 0;
    net::Signal back;
  };
  net::Task<void> run(Duration every);
  void send_letters();

  net::Loop& loop_;
  std::vector<net::Loop*> others_;
  std::function<void()> beat_;
  std::shared_ptr<Round> round_;  // letters under way hold it, too
  net::Task<void> running_;       // last: it uses the others
};

}  // namespace gatehouse::control
