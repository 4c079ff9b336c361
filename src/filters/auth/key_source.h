// Where the keys of an issuer come from. Immutable, in the snapshot; its ring is what outlives it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/spec.h"
#include "filters/auth/shared_key_ring.h"
#include "jose/key.h"
#include "net/tls_context.h"

namespace gatehouse::filters {

struct KeySource {
  std::string name;    // of the issuer in the configuration
  std::string issuer;  // `iss` of its tokens; discovery must say the same
  std::string shown;   // of the issuer, what may be printed
  // Exactly one of the three.
  std::optional<config::WebUrl> discovery;  // of the document that names the keys' URL
  std::optional<config::WebUrl> jwks;       // of the keys themselves
  std::vector<jose::Key> given;             // of a file or a secret
  bool secret = false;                      // `given` is one: never written to disk, nor shown
  Duration keep_removed{10min};
  std::vector<std::string> revoked;                  // thumbprints, base64url
  std::shared_ptr<const net::TlsClientContext> tls;  // for https URLs
  std::shared_ptr<SharedKeyRing> ring;

  bool fetched() const noexcept { return discovery || jwks; }
  // Stable over reloads: keys of one source are never taken for another's.
  std::string identity() const;
};

// All of a snapshot: FilterStore::find<KeySources>.
struct KeySources {
  std::vector<KeySource> all;
};

}  // namespace gatehouse::filters
