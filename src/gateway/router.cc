#include "gateway/router.h"

#include "gateway/condition_regex.h"
#include "gateway/router_match.h"
#include "gateway/router_tables.h"

namespace gatehouse::gateway {
namespace {

// RE2::Set has a fixed cost and allocates; below this many it is quicker to try them one by one.
constexpr std::size_t kSetFrom = 4;

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

std::unique_ptr<re2::RE2::Set> make_set(const std::vector<std::string>& expressions, std::int64_t memory) {
  re2::RE2::Options options = regex_options();
  options.set_max_mem(memory);
  auto set = std::make_unique<re2::RE2::Set>(options, re2::RE2::ANCHOR_BOTH);
  for (const std::string& e : expressions)
    if (set->Add(e, nullptr) < 0) return nullptr;
  return set->Compile() ? std::move(set) : nullptr;
}

// False if the set could not do it.
bool match_set(const RouterTables& tables, MatchScratch::Regexes& regexes, std::uint32_t block,
               std::string_view path, std::int64_t memory) {
  const auto& expressions = tables.regex_blocks[block].expressions;
  if (expressions.size() < kSetFrom) return false;
  if (!regexes.tried_set) {
    regexes.tried_set = true;
    regexes.set = make_set(expressions, memory);
  }
  if (!regexes.set) return false;
  re2::RE2::Set::ErrorInfo error{};
  regexes.matched.clear();
  if (!regexes.set->Match(piece(path), &regexes.matched, &error))
    return error.kind == re2::RE2::Set::kNoError;
  for (int i : regexes.matched) regexes.hit[static_cast<std::size_t>(i)] = 1;
  return true;
}

}  // namespace

// A set that cannot be built, or that runs out of memory while it matches, is no "no match": then each
// expression is tried by itself, which needs no more memory than the expression.
void MatchScratch::match_regexes(const RouterTables& tables, std::uint32_t index, std::string_view path) {
  if (regexes.size() <= index) regexes.resize(tables.regex_blocks.size());
  Regexes& mine = regexes[index];
  const auto& expressions = tables.regex_blocks[index].expressions;
  mine.hit.assign(expressions.size(), 0);
  if (match_set(tables, mine, index, path, regex_set_memory)) return;
  mine.singles.resize(expressions.size());
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    if (!mine.singles[i]) mine.singles[i] = std::make_unique<re2::RE2>(expressions[i], regex_options());
    mine.hit[i] = re2::RE2::FullMatch(piece(path), *mine.singles[i]);
  }
}

RouterScratch::RouterScratch(const Router& router) : state_(std::make_unique<MatchScratch>()) {
  state_->segments.resize(router.tables().max_depth);
  state_->pending.reserve(16);
}
RouterScratch::RouterScratch(RouterScratch&&) noexcept = default;
RouterScratch& RouterScratch::operator=(RouterScratch&&) noexcept = default;
RouterScratch::~RouterScratch() = default;

Router::Router(std::unique_ptr<const RouterTables> tables) : tables_(std::move(tables)) {}
Router::~Router() = default;

std::unique_ptr<const Router> Router::compile(const config::Spec& spec, config::Diagnostics& diagnostics) {
  auto tables = build_tables(spec, diagnostics);
  return tables ? std::unique_ptr<const Router>(new Router(std::move(tables))) : nullptr;
}

RouteChoice Router::match(const RouteQuery& query, RouterScratch& scratch) const {
  NoTrace trace;
  return RouterMatch<NoTrace>(*tables_, query, scratch.state(), trace).run();
}

std::string_view Router::allow_text(std::uint64_t allowed, Arena& arena) const {
  std::string_view text;
  const auto& names = tables_->methods.names();
  for (std::size_t i = 1; i < names.size(); ++i) {
    if ((allowed >> i & 1U) == 0) continue;
    text = text.empty() ? std::string_view(names[i]) : arena.concat(text, ", ", names[i]);
  }
  return text;
}

}  // namespace gatehouse::gateway
