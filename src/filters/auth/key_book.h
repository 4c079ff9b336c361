// Which keys of one issuer are in force: those of its last good set, removed ones for a while, revoked ones
// never. Policy alone: no input or output, and times are arguments.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "jose/key.h"

namespace gatehouse::filters {

std::string thumbprint_text(const jose::Key& key);  // base64url, 43 characters
// For logs: its kid, else its thumbprint; whatever an issuer wrote, it is printable and short.
std::string name_of(const jose::Key& key);
std::string printable(std::string_view text);
// Of the same material, name and use: what a set holds once.
bool same_key(const jose::Key& a, const jose::Key& b) noexcept;

struct HeldKey {
  jose::Key key;
  std::optional<WallTime> removed{};  // when a set first came without it; nullopt: the last set has it
};

// By an operator. Those of the configuration stand there.
struct Revocation {
  std::string thumbprint;
  std::string kid;  // when it was revoked, at most kLongestKid bytes of it
  WallTime at{};
  std::string by;
};

struct KeyChanges {
  std::vector<std::string> added;    // new, or back again
  std::vector<std::string> removed;  // missing from the set
  std::vector<std::string> gone;     // no longer in force: their time is over
  bool empty() const noexcept { return added.empty() && removed.empty() && gone.empty(); }
};

// One thread; a value.
class KeyBook {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{8} << 20;          // of the text
  static constexpr std::size_t kMostRemoved = 256;                        // kept at once, the latest
  static constexpr std::size_t kMostRemovedBytes = std::size_t{1} << 20;  // of their JWKs
  static constexpr std::size_t kMostRevoked = 1000;
  static constexpr std::size_t kLongestKid = 256;  // of a revocation

  // Of the configuration: how long a removed key is kept (0 = not at all), and thumbprints never to be used.
  // In force at once, also for keys that were removed before.
  void set_terms(Duration keep_removed, std::vector<std::string> revoked);

  // The keys of a fetch. None at all is a failure of that fetch: it changes nothing, the error says so.
  // Revoked keys count as keys here: a set of them alone is one that leaves nothing in force.
  std::expected<KeyChanges, std::string> take(std::vector<jose::Key> fresh, WallTime now);
  // Lets go of removed keys whose time is over.
  KeyChanges expire(WallTime now);
  // When `expire` has something to do next.
  std::optional<WallTime> next_change() const;

  // Those of the last set in its order, then the removed ones, the latest first.
  std::vector<jose::Key> in_force() const;
  const std::vector<HeldKey>& held() const noexcept { return held_; }  // in the same order, with revoked ones
  // When the last good set came; nullopt: none has.
  std::optional<WallTime> fetched() const noexcept { return fetched_; }
  std::optional<WallTime> gone_at(const HeldKey& key) const;

  bool revoked(const jose::Key& key) const;
  // Names of keys that are known to be revoked; without those that a key in force has as well.
  std::vector<std::string> revoked_kids() const;
  // Keys that are held under this kid or thumbprint are in force no more, whatever sets come. How many were
  // not revoked yet; nullopt: none is held, or there is no more room.
  std::optional<std::size_t> revoke(std::string_view name, std::string_view by, WallTime now);
  // How many revocations ended; those of the configuration stay.
  std::size_t unrevoke(std::string_view name);
  bool revoked_by_configuration(std::string_view thumbprint) const;
  const std::vector<Revocation>& revocations() const noexcept { return revocations_; }
  // Of the same issuer under another source, so that they outlive a change of it.
  void add_revocations(const std::vector<Revocation>& more);

  // For the disk: public keys, when each was removed, what is revoked. Never a secret. `source` says whose
  // they are.
  std::string to_text(std::string_view source) const;
  // What `to_text` wrote; anything else is an error in words for people. Keys of another source are left out,
  // revocations are not. Times that are not over yet count as `now`: the clock was set back.
  static std::expected<KeyBook, std::string> parse(std::string_view text, std::string_view source,
                                                   WallTime now);

 private:
  bool is_revoked(std::string_view thumbprint) const;
  void order();

  Duration keep_removed_{10min};
  std::vector<std::string> never_;  // of the configuration
  std::vector<Revocation> revocations_;
  std::vector<HeldKey> held_;
  std::optional<WallTime> fetched_;
};

}  // namespace gatehouse::filters
