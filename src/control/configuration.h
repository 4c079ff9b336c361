// What runs, what ran before, and what the disk says; and the changes from one to the next (configuration
// rule 11).
//
// Owner: control. Thread: its loop. Changes happen one at a time, in order; loading from disk merges with a
// load that is asked for but has not begun.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "control/publisher.h"
#include "control/source.h"

namespace gatehouse::control {

struct Change {
  enum class Kind : std::uint8_t { disk, text, rollback };
  static constexpr std::string_view kFileChange = "file change";
  Kind kind = Kind::disk;
  bool force = false;  // disk: load it even if its bytes are those last read
  bool save = false;   // text: also write it to the main file
  std::string text{};  // the configuration itself
  std::string who;     // name of the token, or what caused it: `SIGHUP`, kFileChange
};

struct ChangeResult {
  // overtaken: published, but not saved, because the file was changed meanwhile.
  enum class Outcome : std::uint8_t { published, unchanged, refused, conflict, overtaken };
  Outcome outcome = Outcome::unchanged;
  std::uint64_t version = 0;        // what runs now
  std::string message;              // one sentence
  config::Diagnostics diagnostics;  // errors where it was refused; warnings also where it was published
};

// One configuration in force.
struct Running {
  std::shared_ptr<const config::Spec> spec;
  std::uint64_t version = 0;
  std::string who;
  std::string what;  // `disk`, `PUT`, `rollback`
  WallTime when{};
  std::uint64_t disk = 0;  // which reading of the disk it is; 0 = none
};

struct ChangeCounts {
  std::uint64_t published = 0;
  std::uint64_t unchanged = 0;
  std::uint64_t refused = 0;
};

using Notice = std::function<void(Severity severity, const std::string& line)>;

class Configuration {
 public:
  struct Parts {
    net::Loop& loop;
    Offload& offload;
    Publisher& publisher;
    config::Environment environment;
    std::string path;  // of the main file
    Notice notice;
    // The last that can refuse a configuration, right before it comes into force: what it complains of, or
    // nothing and then it has taken effect.
    std::function<config::Diagnostics(const config::Spec&)> before_commit{};
  };
  Configuration(Parts parts, Source first);
  Configuration(const Configuration&) = delete;

  // The first one, from the source that the constructor was given: compiled and bound, so that all that can
  // go wrong does; then, when there are workers, put in force.
  net::Task<std::expected<void, config::Diagnostics>> prepare_first();
  net::Task<void> commit_first();

  // The answer when it is in force on all workers, or refused. Goes on if the waiter is cancelled.
  net::Task<ChangeResult> change(Change c);
  // The same without waiting.
  void request(Change c);

  const Running& running() const noexcept { return running_; }
  bool has_previous() const noexcept { return previous_.spec != nullptr; }
  bool differs_from_disk() const noexcept { return running_.disk != disk_number_; }
  const Source& disk() const noexcept { return disk_; }  // as last read, whether it loaded or not
  const ChangeCounts& counts() const noexcept { return counts_; }
  bool changing() const noexcept { return busy_ || !queue_.empty(); }

  std::function<void()> on_published;  // something else is in force
  std::function<void()> on_disk_read;  // other files may have to be watched
  // Around each change, whatever comes of it; the second before its waiter has the answer. Files that were
  // looked at unasked, and are what they were, are no change.
  std::function<void()> on_change_begun;
  std::function<void()> on_change_ended;

 private:
  struct Pending {
    explicit Pending(net::Loop& loop, Change c) : change(std::move(c)), done(loop) {}
    Change change;
    bool finished = false;
    ChangeResult result;
    net::Signal done;
  };
  std::shared_ptr<Pending> enqueue(Change c);
  net::Task<void> work();
  void announce();
  net::Task<ChangeResult> apply(const Change& c);
  net::Task<ChangeResult> load_disk(const Change& c);
  net::Task<ChangeResult> load_given(const Change& c);
  net::Task<ChangeResult> roll_back(const Change& c);
  config::Diagnostics last_word(const config::Spec& spec) const;
  net::Task<ChangeResult> publish(Running next, config::Diagnostics diagnostics);
  struct Saved {
    std::string trouble;     // empty: it is saved
    bool overtaken = false;  // the file was not what was known of it
  };
  net::Task<Saved> save(const std::string& text);
  ChangeResult refused(config::Diagnostics diagnostics, std::string message) const;
  void note(const Change& c, const ChangeResult& r);

  Parts parts_;
  Source disk_;
  std::vector<std::string>
      paths_;  // of the last on disk that had no error: what a PUT may use besides disk_'s
  std::uint64_t disk_number_ = 1;  // counts up whenever other bytes are read
  bool disk_refused_ = false;      // what was last read did not come into force
  std::optional<Prepared> first_;
  std::shared_ptr<const config::Spec> started_;  // what the process was started with
  Running running_;
  Running previous_;
  ChangeCounts counts_;
  std::deque<std::shared_ptr<Pending>> queue_;
  bool busy_ = false;
  bool announced_ = false;  // the change that is being made
  net::Signal queued_;
  net::Task<void> work_;  // last: it uses the others
};

// What has changed between two configurations, in a few words: `+ service a, - route b`. For the log.
std::string difference(const config::Spec& before, const config::Spec& now);
// Fields whose change needs a restart; as warnings.
config::Diagnostics needs_restart(const config::Spec& before, const config::Spec& now);

}  // namespace gatehouse::control
