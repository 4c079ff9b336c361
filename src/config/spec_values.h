// The small values that the parts of a configuration share: secrets, places, addresses, paths, conditions,
// rates. See spec.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "config/diagnostic.h"

namespace gatehouse::config {

// Text that came from `$NAME`, `${NAME}` or `file:`. Prints as its source everywhere; `reveal` is the only
// way in.
class Secret {
 public:
  Secret() = default;
  Secret(std::string value, std::string source, bool secret)
      : value_(std::move(value)), source_(std::move(source)), secret_(secret) {}
  static Secret plain(const std::string& text) { return {text, text, false}; }

  const std::string& reveal() const noexcept { return value_; }
  const std::string& source() const noexcept { return source_; }  // what may be shown: the text as written
  bool is_secret() const noexcept { return secret_; }
  bool empty() const noexcept { return value_.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string value_;
  std::string source_;
  bool secret_ = false;
};

// Where the fields of one struct were written, by their position in its table; what is missing has its
// default. A struct copied from `defaults` brings the places of `defaults` along.
struct Written {
  struct Entry {
    std::uint16_t field = 0;  // index in the struct's table
    std::uint16_t file = 0;   // index in Spec::files
    std::uint32_t line = 0;
    std::string source;  // shown instead of the value, which came from a substitution; else empty
  };
  std::vector<Entry> entries;
  const Entry* find(std::size_t field) const noexcept;
};

// An address block. IPv4 is held as an IPv4-mapped IPv6 address, so one comparison serves both.
struct Cidr {
  std::array<std::uint8_t, 16> address{};
  std::uint8_t bits = 128;  // of the 128
  friend bool operator==(const Cidr&, const Cidr&) = default;
};

// ---- paths and hosts (rules 4 and 5)
// ------------------------------------------------------------------------

struct PathSegment {
  enum class Kind : std::uint8_t { literal, parameter };
  Kind kind = Kind::literal;
  std::string text;  // the literal, or the parameter's name
  friend bool operator==(const PathSegment&, const PathSegment&) = default;
};

// `/a/:id/*`, or `~regex` over the whole path.
struct PathPattern {
  std::string text;                   // as written (a substitution as its source)
  std::vector<PathSegment> segments;  // empty for a regex
  bool below = false;                 // ends in `/*`: the path itself and all below it
  bool trailing_slash = false;  // written with a final `/` (names that form exactly); never for `/` itself
  std::string regex;            // without the `~`; empty if the pattern is none
  friend bool operator==(const PathPattern& a, const PathPattern& b) noexcept {  // by meaning
    return a.segments == b.segments && a.below == b.below && a.trailing_slash == b.trailing_slash &&
           a.regex == b.regex;
  }
};

// `api.example.com`, `*.example.com`, or any.
struct HostPattern {
  std::string text;  // lower case, without port; for a wildcard the suffix with its leading dot; empty = any
  bool wildcard = false;
  std::string shown{};  // as written, where a substitution is in it: what may be printed
  friend bool operator==(const HostPattern& a, const HostPattern& b) noexcept {  // by meaning
    return a.text == b.text && a.wildcard == b.wildcard;
  }
};

// What may be printed of it: `*.example.com`, `*`.
std::string shown(const HostPattern& host);

// ---- conditions (rule 3)
// ------------------------------------------------------------------------------------

struct Test {
  enum class Kind : std::uint8_t { present, exact, prefix, regex, version, cidr };
  enum class Compare : std::uint8_t { less, less_equal, equal, greater_equal, greater };
  Kind kind = Kind::exact;
  std::string text;  // exact, prefix: the text; regex: the expression; version: "5.2"
  Compare compare = Compare::equal;
  Cidr cidr;
  std::string shown{};  // the whole test as written, where a substitution is in it: what may be printed
  friend bool operator==(const Test& a, const Test& b) noexcept {  // by meaning
    return a.kind == b.kind && a.text == b.text && a.compare == b.compare && a.cidr == b.cidr;
  }
};

struct ConditionKey {
  enum class Kind : std::uint8_t {
    host,
    path,
    method,
    header,
    query,
    cookie,
    ip,
    listener,
    cert,
    user,
    claim
  };
  Kind kind = Kind::header;
  std::string name;  // of header (lower case), query, cookie or claim; `subject`, `san` or `sha256` of cert
  friend bool operator==(const ConditionKey&, const ConditionKey&) = default;
};

// One key of a `when`: true if any of the tests holds, or with `negate` if none does.
struct Condition {
  ConditionKey key;
  bool negate = false;
  std::vector<Test> any_of;
  std::vector<HostPattern> hosts;  // for Kind::host instead of tests
  std::vector<PathPattern> paths;  // for Kind::path instead of tests
  Location at;
  std::string text;  // `header.x-beta: "true"`, as written: what may be shown (a test may hold a secret)
};

using ConditionSet = std::vector<Condition>;  // all must hold
using When = std::vector<ConditionSet>;       // any may hold; empty = always
// ---- rates and URLs
// ----------------------------------------------------------------------------------------

struct Rate {  // `50/s burst 100`
  std::uint64_t count = 0;
  Duration per{1s};
  std::uint64_t burst = 0;  // as many as `count` where it is not said
  friend bool operator==(const Rate&, const Rate&) = default;
};

// An http or https URL with a path.
struct WebUrl {
  std::string shown;  // as written (a substitution as its source): what may be printed
  std::string host;   // name, or address without brackets; lower case
  std::uint16_t port = 443;
  bool tls = true;
  std::string target;  // path and query, at least `/`
};

// ---- headers and answers
// -----------------------------------------------------------------------------------

struct HeaderOps {
  struct Item {
    std::string name;
    Secret value;
  };
  std::vector<Item> set;
  std::vector<Item> add;
  std::vector<std::string> remove;
  Written written{};
  bool empty() const noexcept { return set.empty() && add.empty() && remove.empty(); }
};

struct ReplySpec {
  std::uint16_t status = 200;
  std::vector<HeaderOps::Item> headers;
  Secret body;
  Written written{};
};

}  // namespace gatehouse::config
