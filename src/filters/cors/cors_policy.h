// What a `cors` says in headers (Fetch standard, section 3.3). Immutable; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/arena.h"
#include "config/spec.h"
#include "filters/cors/origin_set.h"
#include "http/header.h"

namespace gatehouse::filters {

// What a preflight asks for.
struct Preflight {
  std::string_view method;       // of the request to come
  std::string_view headers;      // Access-Control-Request-Headers; empty = none
  bool private_network = false;  // it leads from a public network to a private one
};

class CorsPolicy {
 public:
  explicit CorsPolicy(const config::CorsSpec& spec);

  // `origin`: of the request; empty = none, or several.
  bool allows(std::string_view origin) const noexcept { return origins_.contains(origin); }

  // Both leave views of this object, of `origin`, of the preflight and of `arena` in `headers`. What is there
  // already of CORS is removed: the gateway decides.
  void mark(http::HeaderTable& headers, std::string_view origin, Arena& arena) const;
  void answer(http::HeaderTable& headers, std::string_view origin, const Preflight& asked,
              Arena& arena) const;

 private:
  bool allow(http::HeaderTable& headers, std::string_view origin) const;

  OriginSet origins_;
  bool any_method_ = false;
  bool any_header_ = false;
  bool credentials_;
  bool private_network_;
  std::string methods_;  // `GET, PUT`
  std::string headers_;
  std::string expose_;
  std::string max_age_;       // seconds
  std::string vary_answers_;  // what answers to preflights depend on
};

// Whether `text` is a list of header names that may be given back as it came: tokens, commas, spaces. At most
// 4 KB.
bool is_name_list(std::string_view text) noexcept;

}  // namespace gatehouse::filters
