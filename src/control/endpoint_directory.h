// Where the services are: names looked up again and again in the background, and the endpoints that follow
// from them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/spec.h"
#include "control/known_addresses.h"
#include "gateway/snapshot.h"
#include "net/nursery.h"
#include "net/resolver.h"
#include "upstream/service.h"

namespace gatehouse::control {

// What is known of a name.
struct NameStatus {
  std::string name;          // as it may be shown
  bool answered = false;     // or failed once
  std::string_view failure;  // of the last look-up; empty = it was good
  std::size_t addresses = 0;
};

// Owner: control. Thread: its loop. A name lives as long as a snapshot that is in force, or about to be, uses
// it; it keeps its last addresses when it stops resolving.
class EndpointDirectory {
 public:
  EndpointDirectory(net::Loop& loop, net::Resolver& resolver);
  EndpointDirectory(const EndpointDirectory&) = delete;
  ~EndpointDirectory();

  // Begins to look up what `snapshot` needs and is not known yet; waits until each of these names has
  // answered or failed once, at most until `deadline`. Nothing that is in force changes.
  net::Task<void> prepare(std::shared_ptr<const gateway::Snapshot> snapshot, Time deadline);
  // `snapshot` is about to be in force: publishes the endpoints of all its services, forgets names that it
  // does not use. Endpoints whose address stays are the same objects, with their health.
  void apply(std::shared_ptr<const gateway::Snapshot> snapshot);

  // What names had before the gateway was started again: used until they resolve, if they do not at once.
  void remember(KnownAddresses known) { remembered_ = std::move(known); }
  // Of the names in force. Those that came from a substitution are left out: they may be secret.
  KnownAddresses known() const;

  bool all_answered() const noexcept;  // every name in force has answered or failed once
  std::vector<NameStatus> names() const;
  const std::shared_ptr<const gateway::Snapshot>& snapshot() const noexcept {
    return current_;
  }  // null at first

  // Called after the endpoints of any service have changed; on the directory's stack: must not call back.
  std::function<void()> on_change;
  // A name's answer changed: it began or ceased to resolve. For the log: `name` is as it may be shown.
  std::function<void(const std::string& name, std::string_view failure)> on_name;
  // A name has not resolved yet, and its addresses from before the start are used. For the log.
  std::function<void(const std::string& name)> on_recall;

 private:
  struct Name;
  Name& name(const config::UrlSpec& url);
  net::Task<void> keep_resolved(Name& n);
  void recall(Name& n);
  void take(Name& n, Result<net::Resolution> answer);
  void publish_users_of(const std::string& name);
  // `known`: endpoints that may be used again, beside those of the version itself.
  using Endpoints = std::vector<std::shared_ptr<upstream::Endpoint>>;
  void publish(const config::VersionSpec& spec, const upstream::ServiceVersion& version, Endpoints known);
  std::shared_ptr<upstream::EndpointSet> endpoints_of(const config::VersionSpec& spec,
                                                      const upstream::ServiceVersion& version,
                                                      const Endpoints& known) const;

  net::Loop& loop_;
  net::Resolver& resolver_;
  net::Signal answered_;
  std::map<std::string, std::unique_ptr<Name>> names_;
  KnownAddresses remembered_;  // not needed so far
  std::shared_ptr<const gateway::Snapshot> current_;
};

}  // namespace gatehouse::control
