// Which route serves a request (configuration rules 3 to 6).
//
// The Router is compiled once a snapshot and is immutable: any thread may read it. A worker matches with a
// RouterScratch of its own. A match allocates nothing in steady state (but in hosts with four or more
// regexes, where RE2::Set does) and its cost does not grow with the number of routes, hosts or listeners:
//   - a host costs one look-up, and one for each of its labels if there are wildcards;
//   - a path costs one look-up a segment for each *shape* (sequence of literals and `:id`) under which it can
//   be read:
//     literal, `:id` and `*` are tried in this order, so at depth d at most as many nodes are visited as the
//     routes of the host have shapes of that length, a handful, and never more than 2^d;
//   - routes of one host and path that differ in the text of one key are found by hash.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "config/diagnostic.h"
#include "config/spec.h"
#include "gateway/condition.h"

namespace gatehouse::gateway {

inline constexpr std::size_t kMaxPathParameters = 8;  // `:id` in one pattern; more is an error of compile
inline constexpr std::size_t kMaxPathSegments = 128;  // of a pattern

// What the pattern left open, as it came (with `;` parameters). Views of the query's path.
struct Captures {
  std::string_view tail;                                          // under `*`: empty, or begins with '/'
  std::array<std::string_view, kMaxPathParameters> parameters{};  // in the order of the pattern's `:id`s
};

struct RouteChoice {
  enum class Kind : std::uint8_t {
    no_route,          // 404
    wrong_method,      // 405; `allowed` says what would have been served
    needs_attributes,  // establish identity, then match again with RouteQuery::attributes
    found,
  };
  Kind kind = Kind::no_route;
  std::uint32_t route = 0;    // index into Spec::routes
  std::uint32_t pattern = 0;  // index into that route's `paths`; 0 if it has none
  std::uint64_t allowed = 0;  // for Router::allow_text
  Captures captures;
};

class Router;
struct RouterTables;
struct MatchScratch;

// A worker's part: RE2 objects, made at first use, and buffers. Belongs to one Router, which must outlive it.
class RouterScratch {
 public:
  explicit RouterScratch(const Router& router);
  RouterScratch(RouterScratch&&) noexcept;
  RouterScratch& operator=(RouterScratch&&) noexcept;
  ~RouterScratch();
  MatchScratch& state() noexcept { return *state_; }

 private:
  std::unique_ptr<MatchScratch> state_;
};

class Router {
 public:
  // Null if `diagnostics` got an error: an invalid regex, or two routes that can match the same request with
  // equal rank (rule 5). Copies what it needs: `spec` may die. About 10 us a route.
  static std::unique_ptr<const Router> compile(const config::Spec& spec, config::Diagnostics& diagnostics);
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  RouteChoice match(const RouteQuery& query, RouterScratch& scratch) const;

  // The value of `Allow` for a choice of Kind::wrong_method.
  std::string_view allow_text(std::uint64_t allowed, Arena& arena) const;

  const RouterTables& tables() const noexcept { return *tables_; }  // for explain

 private:
  explicit Router(std::unique_ptr<const RouterTables> tables);
  std::unique_ptr<const RouterTables> tables_;
};

// ---- rewrite and redirect (rule 4)
// ------------------------------------------------------------------------------

// A `rewrite` or a redirect's target, its `:id` resolved to the pattern's. One for each pattern of a route.
// Immutable.
class CompiledRewrite {
 public:
  CompiledRewrite() = default;  // leaves the path as it is
  // An `:id` that `from` (null = any path) does not have is an error at `at`.
  static CompiledRewrite path(const config::Rewrite& rewrite, const config::PathPattern* from,
                              const config::Location& at, config::Diagnostics& diagnostics);
  static CompiledRewrite redirect(std::string_view to, const config::PathPattern* from,
                                  const config::Location& at, config::Diagnostics& diagnostics);
  bool empty() const noexcept { return pieces_.empty(); }

 private:
  friend std::string_view rewrite_path(const CompiledRewrite&, const Captures&, std::string_view, Arena&);
  friend std::string_view redirect_target(const CompiledRewrite&, const Captures&, std::string_view, Arena&);
  struct Piece {
    enum class Kind : std::uint8_t { text, parameter, tail };
    Kind kind = Kind::text;
    std::uint8_t parameter = 0;
    std::string text;
  };
  std::string_view expand(const Captures& captures, std::string_view suffix, Arena& arena) const;
  void add_text(std::string_view text);
  void add_segment(const config::PathSegment& segment, const config::PathPattern* from,
                   const config::Location& at, config::Diagnostics& diagnostics);

  std::vector<Piece> pieces_;
  bool has_query_ = false;
};

// The path for the service: a view of `path`, of the rewrite, or in `arena`. Begins with '/', never with "//"
// unless the path is not rewritten. A pattern without `*` leaves nothing to keep: `/y/*` is then `/y`.
std::string_view rewrite_path(const CompiledRewrite& rewrite, const Captures& captures, std::string_view path,
                              Arena& arena);
// The value of Location. `query` (with its '?') is appended unless the target has one of its own.
std::string_view redirect_target(const CompiledRewrite& rewrite, const Captures& captures,
                                 std::string_view query, Arena& arena);

// ---- what each listener opens (rule 6)
// --------------------------------------------------------------------------

struct OpenRoute {
  std::string listener;
  std::string host;     // `*` = any
  std::string path;     // as written; `/*` = any
  std::string methods;  // `GET, POST`; `*` = any
  std::string target;   // `payments`, `a 90%, b 10%`, `redirect to ...`, `reply 200`
  std::string when;     // conditions, as written; empty = always
  std::string auth;     // what credentials it asks for, as written; empty = none
  bool open = true;     // a request without credentials reaches it
  std::uint32_t route = 0;
};

std::vector<OpenRoute> open_routes(const config::Spec& spec);

}  // namespace gatehouse::gateway
