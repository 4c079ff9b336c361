#include "gateway/tls_failures.h"

#include <algorithm>

namespace gatehouse::gateway {

TlsFailures::TlsFailures(net::Loop& loop, Tell tell)
    : loop_(loop),
      tell_(std::move(tell)),
      timer_([](void* self) noexcept { static_cast<TlsFailures*>(self)->look(); }, this) {}

void TlsFailures::note(std::string_view listener, const IpAddress& client, const Error& error) {
  if (!tell_) return;
  auto [found, fresh] = kinds_.try_emplace({std::string(listener), error.detail});
  Kind& kind = found->second;
  kind.since.client = client;
  ++kind.since.count;
  kind.last = loop_.now();
  if (!fresh) return;
  kind.since.listener = listener;
  kind.since.error = error;
  tell_(kind.since);
  kind.since.count = 0;
  kind.wait = kFirst;
  kind.next = after(loop_.now(), kFirst);
  if (!timer_.armed()) loop_.set_timer(timer_, kind.next);
}

// Once a second, while there is a kind.
void TlsFailures::look() {
  Time now = loop_.now();
  // Not as soon as it is quiet: one failure every other second would be the first of its kind for ever.
  std::erase_if(kinds_, [now](const auto& k) {
    return k.second.since.count == 0 && now >= after(k.second.last, kLongest);
  });
  for (auto& [key, kind] : kinds_) {
    if (kind.next > now || kind.since.count == 0) continue;
    tell_(kind.since);
    kind.since.count = 0;
    kind.wait = std::min(kind.wait * 2, kLongest);
    kind.next = after(now, kind.wait);
  }
  if (!kinds_.empty()) loop_.set_timer(timer_, after(now, kFirst));
}

}  // namespace gatehouse::gateway
