#include "control/heartbeat.h"

#include <charconv>
#include <limits>

namespace gatehouse::control {
namespace {

std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stopped == end ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<Duration> watchdog_of(const std::optional<std::string>& usec,
                                    const std::optional<std::string>& pid, int own) {
  if (!usec) return std::nullopt;
  if (pid && number(*pid) != static_cast<std::uint64_t>(own)) return std::nullopt;
  const auto value = number(*usec);
  constexpr std::uint64_t kMost = std::numeric_limits<Duration::rep>::max() / 1000;
  if (!value || *value == 0 || *value > kMost) return std::nullopt;
  return std::chrono::microseconds(*value);
}

Heartbeat::Heartbeat(net::Loop& loop, std::vector<net::Loop*> others, Duration every,
                     std::function<void()> beat)
    : loop_(loop),
      others_(std::move(others)),
      beat_(std::move(beat)),
      round_(std::make_shared<Round>(loop)),
      running_(run(every)) {}

net::Task<void> Heartbeat::run(Duration every) {
  for (;;) {
    const Time next = after(loop_.now(), every);
    send_letters();
    while (round_->owed != 0) co_await round_->back.wait();
    beat_();
    co_await net::sleep_until(loop_, next);
  }
}

void Heartbeat::send_letters() {
  round_->owed = others_.size();
  for (net::Loop* other : others_) {
    // The round is touched on this loop alone; the other one only carries it there and back.
    other->post([round = round_, &loop = loop_] {
      loop.post([round] {
        if (--round->owed == 0) round->back.notify();
      });
    });
  }
}

}  // namespace gatehouse::control
