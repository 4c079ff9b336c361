// Credentials where a client puts them: what is taken for a token is a part of Authorization, what goes on to
// a service holds no trace of an API key, and all else is as it came.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "filters/auth/api_keys.h"
#include "filters/auth/credential_cut.h"
#include "filters/auth/credentials.h"
#include "http/path.h"

namespace {

using namespace gatehouse;

void require(bool condition) {
  if (!condition) std::abort();
}

std::vector<std::string> items(std::string_view list, char separator) {
  std::vector<std::string> all;
  std::string item;
  for (char c : list) {
    if (c == separator) {
      all.push_back(std::exchange(item, {}));
    } else {
      item += c;
    }
  }
  all.push_back(item);
  return all;
}

void check_query(const std::string& text, Arena& arena) {
  const std::string query = text.empty() ? text : "?" + text;
  const std::string_view kept = filters::cut_parameter(query, "key", arena);
  filters::for_each_parameter(kept, "key", [](std::string_view) { require(false); });
  http::for_each_query(kept, "key", [](std::string_view) { require(false); });
  // What is left is what was there, in order, less what is called so.
  std::vector<std::string> wanted;
  for (const std::string& pair : items(text, '&'))
    if (!filters::names_parameter(std::string_view(pair).substr(0, pair.find('=')), "key"))
      wanted.push_back(pair);
  std::string joined;
  for (std::size_t i = 0; i < wanted.size(); ++i) joined += (i == 0 ? "" : "&") + wanted[i];
  if (kept.empty()) {
    require(joined.empty());
  } else {
    require(kept == "?" + joined);
  }
  require(filters::cut_parameter(kept, "key", arena) == kept);
}

void check_cookie(const std::string& text, Arena& arena) {
  const std::string_view kept = filters::cut_cookie(text, "key", arena);
  http::for_each_cookie(kept, "key", [](std::string_view) { require(false); });
  require(kept.size() <= text.size());
  require(filters::cut_cookie(kept, "key", arena) == kept);
}

void check_head(const std::string& text, config::ApiKeysSpec::In in) {
  BlockPool pool;
  Arena arena(pool);
  config::ApiKeysSpec spec;
  spec.in = in;
  spec.name = "key";
  const filters::ApiKeys keys(spec, false);
  http::RequestHead head(arena);
  const std::string query = text.empty() ? text : "?" + text;
  head.query = query;
  head.headers.add("Key", text);
  head.headers.add(http::HeaderId::cookie, text);
  head.headers.add(http::HeaderId::referer, text);
  (void)keys.presented(head, arena);
  keys.cut(head, false, arena);
  const auto after = keys.presented(head, arena);
  require(after && !*after);
}

void check_authorization(const std::string& text, Arena& arena) {
  filters::AuthPolicy policy;
  policy.issuers.all.emplace_back();
  http::RequestHead head(arena);
  head.headers.add(http::HeaderId::authorization, text);
  const auto found = filters::credentials_of(policy, head, arena);
  if (!found) {
    require(found.error().code == Errc::unauthorized);
  } else {
    require(found->method == filters::Credentials::Method::bearer_token);
    require(text.ends_with(found->value) && text.size() >= found->value.size() + 6);
    require(!found->value.starts_with(' '));
  }
  head.headers.add(http::HeaderId::authorization, text);
  const auto twice = filters::credentials_of(policy, head, arena);
  require(!twice && twice.error().code == Errc::conflicting_credentials);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  BlockPool pool;
  Arena arena(pool);
  check_authorization(text, arena);
  check_query(text, arena);
  check_cookie(text, arena);
  (void)filters::cut_parameter_of_url(text, "key", arena);
  for (auto in :
       {config::ApiKeysSpec::In::header, config::ApiKeysSpec::In::query, config::ApiKeysSpec::In::cookie})
    check_head(text, in);
  return 0;
}
