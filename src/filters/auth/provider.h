// One fetch of an issuer's keys: the discovery document where one is needed, then the set.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/auth/discovery.h"
#include "filters/auth/key_source.h"
#include "jose/key_set.h"
#include "net/task.h"
#include "upstream/url_client.h"

namespace gatehouse::filters {

struct FetchedKeys {
  std::vector<jose::Key> keys;  // at least one
  std::vector<jose::SkippedKey> skipped;
  Duration ttl{};
};

struct FetchFailure {
  std::string_view kind;  // static: what a log tells apart
  std::string
      text;  // one sentence without its full stop; what an issuer wrote stands in it only escaped and short
};

// Owner and thread: whoever keeps the keys of that issuer, on control's loop; one fetch at a time. `urls` and
// `loop` outlive it.
class Provider {
 public:
  Provider(upstream::UrlClient& urls, net::Loop& loop) noexcept : urls_(urls), loop_(loop) {}

  // Both answers together have kFetchTime. Where the keys are is remembered for an hour, or until they are
  // not there.
  net::Task<std::expected<FetchedKeys, FetchFailure>> fetch(std::shared_ptr<const KeySource> source);

  static constexpr Duration kFetchTime = 5s;

 private:
  struct Found {
    config::WebUrl url;
    Time until{};
  };
  using MaybeUrl = std::expected<config::WebUrl, FetchFailure>;
  net::Task<MaybeUrl> discover(const KeySource& source, Time deadline);
  net::Task<Result<upstream::UrlAnswer>> get(const config::WebUrl& url, const KeySource& source,
                                             Time deadline, std::size_t max_bytes);

  upstream::UrlClient& urls_;
  net::Loop& loop_;
  std::optional<Found> found_;
};

}  // namespace gatehouse::filters
