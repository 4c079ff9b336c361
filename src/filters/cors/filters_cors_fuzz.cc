// What a browser, or somebody else, says in a preflight: `PATTERN\nORIGIN\nMETHOD\nHEADERS`. Nothing but what
// was asked for comes back, and in no field more than may stand in one.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "config/values.h"
#include "filters/cors/cors_policy.h"
#include "http/characters.h"

namespace {

using namespace gatehouse;

void require(bool condition) {
  if (!condition) std::abort();
}

std::string next_line(std::string_view& rest) {
  std::string line(rest.substr(0, rest.find('\n')));
  rest.remove_prefix(line.size() == rest.size() ? rest.size() : line.size() + 1);
  return line;
}

void check(const config::CorsSpec& spec, const std::string& origin, const filters::Preflight& asked) {
  BlockPool pool;
  Arena arena(pool);
  const filters::CorsPolicy policy(spec);
  for (bool preflight : {false, true}) {
    http::HeaderTable headers(arena);
    headers.add("vary", asked.headers);
    headers.add("access-control-allow-origin", "of the service");
    if (preflight) {
      policy.answer(headers, origin, asked, arena);
    } else {
      policy.mark(headers, origin, arena);
    }
    const http::Header* allowed = headers.find("access-control-allow-origin");
    const bool every = spec.origins.front().kind == config::OriginPattern::Kind::every;
    require((allowed != nullptr) == (every || policy.allows(origin)));
    if (allowed != nullptr) require(allowed->value == (every ? "*" : std::string_view(origin)));
    const http::Header* names = headers.find("access-control-allow-headers");
    if (names != nullptr) {
      require(preflight && names->value == asked.headers);
      require(std::ranges::all_of(names->value, [](char c) {
        return http::is(c, http::kToken) || c == ',' || c == ' ' || c == '\t';
      }));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  auto pattern = config::parse_origin_pattern(next_line(rest));
  if (!pattern) return 0;
  const std::string origin = next_line(rest);
  const std::string method = next_line(rest);
  const std::string headers = next_line(rest);
  config::CorsSpec spec;
  spec.origins.push_back(*pattern);
  const filters::Preflight asked{.method = method, .headers = headers};
  check(spec, origin, asked);
  // The bare domain is never below itself, and what is below it is an origin of the same scheme.
  const filters::CorsPolicy policy(spec);
  if (pattern->kind != config::OriginPattern::Kind::below) return 0;
  require(!policy.allows(pattern->scheme + pattern->host.substr(1)));
  if (policy.allows(origin)) require(config::parse_origin_pattern(origin).has_value() || origin.size() > 253);
  return 0;
}
