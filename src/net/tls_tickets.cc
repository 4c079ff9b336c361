#include "net/tls_tickets.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>

namespace gatehouse::net {
namespace {

TlsTicketKey make_key() {
  TlsTicketKey key;
  for (std::span<unsigned char> part :
       {std::span<unsigned char>(key.name), std::span<unsigned char>(key.cipher),
        std::span<unsigned char>(key.mac)}) {
    if (RAND_bytes(part.data(), static_cast<int>(part.size())) != 1)
      std::abort();  // never a key that is guessed
  }
  return key;
}

}  // namespace

void RotatingTicketKeys::rotate(Time now) {
  if (keys_.empty() || now - keys_.back().made >= kRotateEvery) keys_.push_back({make_key(), now});
  std::erase_if(keys_, [&](const Dated& k) { return now - k.made >= kAcceptedFor; });
}

TlsTicketKey RotatingTicketKeys::current(Time now) {
  std::lock_guard lock(mutex_);
  rotate(now);
  return keys_.back().key;
}

std::optional<TlsTicketKeys::Found> RotatingTicketKeys::find(std::span<const unsigned char, 16> name,
                                                             Time now) {
  std::lock_guard lock(mutex_);
  rotate(now);
  auto it = std::ranges::find_if(keys_, [&](const Dated& k) { return std::ranges::equal(k.key.name, name); });
  if (it == keys_.end()) return std::nullopt;
  return Found{it->key, &*it == &keys_.back()};
}

}  // namespace gatehouse::net
