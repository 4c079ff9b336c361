// The keys of one issuer over time: when they are fetched, what of it is in force, what is kept and said.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/json_text.h"
#include "filters/auth/kept_file.h"
#include "filters/auth/key_book.h"
#include "filters/auth/key_source.h"
#include "filters/auth/provider.h"
#include "filters/auth/refresh_ahead.h"
#include "gateway/background.h"
#include "net/loop.h"
#include "upstream/url_client.h"

namespace gatehouse::filters {

// Owner: the keeper. Thread: control's loop; workers reach it through the ring, whose demand arrives as mail.
//
// A round is a fetch and, where that fails, its repeats. There is one at a time. It starts
// - by the schedule: before what was fetched is too old; where keys have been seen to change, four times
//   between two changes; after a failed one, rarer and rarer;
// - because a worker asks for it: at most one every kDemandEvery. Whichever round starts next serves all who
//   asked before.
class KeySchedule : public std::enable_shared_from_this<KeySchedule> {
 public:
  static constexpr Duration kDemandEvery = 5s;
  static constexpr Duration kRepeatAfter = 100ms;
  static constexpr unsigned kRepeats = 3;

  struct Counts {
    std::uint64_t fetched = 0;  // fetches that were good
    std::uint64_t failed = 0;   // and that were not
    std::uint64_t rounds = 0;
    std::uint64_t demanded = 0;  // rounds that were started for a worker
    std::uint64_t failed_rounds = 0;
  };

  // `kept`: what was known before a restart. `context` and `urls` outlive it.
  KeySchedule(const gateway::BackgroundContext& context, upstream::UrlClient& urls,
              std::shared_ptr<const KeySource> source, KeyBook kept);
  KeySchedule(const KeySchedule&) = delete;
  ~KeySchedule();

  // Publishes what is known and starts.
  void begin();
  // No more fetches; who asks on the ring is not heard. A revocation that is being written goes on.
  void end();
  // The same source in the next snapshot: its terms and given keys may be others.
  void update(std::shared_ptr<const KeySource> source);

  // By kid or thumbprint. In force on return; what it says is kept on disk when the task is done.
  net::Task<gateway::CommandResult> revoke(std::string name, std::string who);
  net::Task<gateway::CommandResult> unrevoke(std::string name, std::string who);

  const KeySource& source() const noexcept { return *source_; }
  const KeyBook& book() const noexcept { return book_; }
  const Counts& counts() const noexcept { return counts_; }
  const RefreshAhead& ahead() const noexcept { return ahead_; }
  void inherit(const KeyBook& before);  // revocations of the same issuer under another source; before `begin`

  // A JSON object.
  void show(JsonText& json) const;
  std::size_t revoked_keys() const;
  std::optional<Duration> age() const;  // of the last good set

 private:
  struct LastFetch {
    bool good = false;
    WallTime at{};
    FetchFailure failure{};
  };
  void listen();
  net::Task<void> keep_fresh();
  net::Task<void> let_go();
  net::Task<void> round(bool demanded);
  Time next_start() const noexcept;
  void demanded();
  void take(FetchedKeys fetched, Time started);
  void note_failure();
  void plan_next(Time started, bool good);
  void take_given();
  void note(const KeyChanges& changes, bool first);
  void note_skipped(const std::vector<jose::SkippedKey>& skipped);
  bool publish();
  void save();
  std::string known_names() const;
  std::string_view state() const;
  void show_keys(JsonText& json) const;
  void log(Severity level, std::string_view what) const;

  const gateway::BackgroundContext& context_;
  std::shared_ptr<const KeySource> source_;
  KeyBook book_;
  KeptFile file_;
  Provider provider_;
  RefreshAhead ahead_;
  Counts counts_;
  std::optional<LastFetch> last_;
  std::set<std::string_view> said_;  // kinds of failures since the last good round
  std::string skipped_said_;
  std::optional<WallTime> saved_;
  Duration ttl_ = kLongestTtl;
  unsigned failures_ = 0;  // rounds in a row
  Time next_regular_{};
  Time next_demanded_{};  // no earlier
  bool demand_ = false;
  net::Signal wake_;     // there is demand
  net::Signal changed_;  // the book is another
  net::Task<void> fetching_;
  net::Task<void> letting_go_;
};

// By the `iss` of its tokens, so that what was revoked stays so when the issuer gets another name here.
std::string key_file_name(std::string_view issuer);

}  // namespace gatehouse::filters
