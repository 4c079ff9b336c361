// Keys of session tickets (RFC 5077 section 4, RFC 8446 section 4.6.1): shared by all workers, so that a
// session resumes on whichever it lands, and rotated, so that a key that is stolen opens little.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"

namespace gatehouse::net {

struct TlsTicketKey {
  std::array<unsigned char, 16> name;
  std::array<unsigned char, 32> cipher;  // AES-256-CBC
  std::array<unsigned char, 32> mac;     // HMAC-SHA-256
};

// Where keys come from. Any thread; called once or twice a handshake.
class TlsTicketKeys {
 public:
  virtual ~TlsTicketKeys() = default;
  struct Found {
    TlsTicketKey key;
    bool current;  // else the client is given a new ticket
  };
  virtual TlsTicketKey current(Time now) = 0;
  virtual std::optional<Found> find(std::span<const unsigned char, 16> name, Time now) = 0;
};

// Made by this process, from the system's randomness; forgotten with it.
class RotatingTicketKeys final : public TlsTicketKeys {
 public:
  static constexpr Duration kRotateEvery = 8h;
  static constexpr Duration kAcceptedFor = 24h;  // since it was made
  TlsTicketKey current(Time now) override;
  std::optional<Found> find(std::span<const unsigned char, 16> name, Time now) override;

 private:
  struct Dated {
    TlsTicketKey key;
    Time made;
  };
  void rotate(Time now);
  std::mutex mutex_;
  std::vector<Dated> keys_;  // newest last; guarded by mutex_
};

}  // namespace gatehouse::net
