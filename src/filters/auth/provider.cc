#include "filters/auth/provider.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gatehouse::filters {
namespace {

constexpr Duration kRememberPlace = 1h;
constexpr std::string_view kAccept = "application/json";

// What the answer was not to be: reached, 200.
std::optional<FetchFailure> trouble(std::string_view what, const Result<upstream::UrlAnswer>& answer) {
  if (!answer) {
    const ErrcInfo& info = errc_info(answer.error().code);
    return FetchFailure{info.reason,
                        fmt::format("{} could not be had: {}", what,
                                    answer.error().detail.empty() ? info.title : answer.error().detail)};
  }
  if (answer->status != 200)
    return FetchFailure{"status", fmt::format("{} was answered with status {}", what, answer->status)};
  return std::nullopt;
}

}  // namespace

net::Task<Result<upstream::UrlAnswer>> Provider::get(const config::WebUrl& url, const KeySource& source,
                                                     Time deadline, std::size_t max_bytes) {
  return urls_.get({.url = url,
                    .tls = source.tls,
                    .accept = kAccept,
                    .within = std::max<Duration>(deadline - loop_.now(), 1ms),
                    .max_bytes = max_bytes});
}

net::Task<Provider::MaybeUrl> Provider::discover(const KeySource& source, Time deadline) {
  constexpr std::string_view kWhat = "the discovery document";
  auto answer = co_await get(*source.discovery, source, deadline, kMaxDiscoveryBytes);
  const config::WebUrl oauth = oauth_metadata_url(*source.discovery);
  if (answer && answer->status == 404 && oauth.target != source.discovery->target)
    answer = co_await get(oauth, source, deadline, kMaxDiscoveryBytes);
  if (auto failure = trouble(kWhat, answer)) co_return std::unexpected(std::move(*failure));
  auto url = parse_discovery(answer->body, source.issuer);
  if (!url)
    co_return std::unexpected(
        FetchFailure{"discovery", fmt::format("{} is not accepted: {}", kWhat, url.error())});
  co_return std::move(*url);
}

net::Task<std::expected<FetchedKeys, FetchFailure>> Provider::fetch(std::shared_ptr<const KeySource> source) {
  constexpr std::string_view kWhat = "the key set";
  const Time deadline = after(loop_.now(), kFetchTime);
  config::WebUrl place;
  bool remembered = false;
  if (source->jwks) {
    place = *source->jwks;
  } else if (found_ && loop_.now() < found_->until) {
    place = found_->url;
    remembered = true;
  } else {
    auto url = co_await discover(*source, deadline);
    if (!url) co_return std::unexpected(std::move(url.error()));
    found_ = Found{std::move(*url), after(loop_.now(), kRememberPlace)};
    place = found_->url;
  }
  auto answer = co_await get(place, *source, deadline, jose::KeySet::kMaxBytes);
  auto refuse = [&](FetchFailure failure) {
    if (remembered) found_.reset();  // perhaps they have moved
    return std::unexpected(std::move(failure));
  };
  if (auto failure = trouble(kWhat, answer)) co_return refuse(std::move(*failure));
  auto set = jose::KeySet::parse(answer->body);
  if (!set) co_return refuse({"key_set", fmt::format("{} is not accepted: {}", kWhat, set.error())});
  if (set->keys.empty())
    co_return refuse(
        {"no_keys", set->skipped.empty()
                        ? fmt::format("{} is empty", kWhat)
                        : fmt::format("{} has no key that can be used: of {} the first is left out "
                                      "because {}",
                                      kWhat, set->skipped.size(), set->skipped.front().why)});
  co_return FetchedKeys{std::move(set->keys), std::move(set->skipped),
                        ttl_of(answer->cache_control, answer->age)};
}

}  // namespace gatehouse::filters
