// Conditions over any request: they end, `not` is the opposite, and the router agrees with the table it is
// made from.
#include "gateway/condition.h"

#include <cstdlib>

#include "gateway/router.h"
#include "gateway/router_testing.h"

namespace gatehouse::gateway {
namespace {

class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : left_(reinterpret_cast<const char*>(data), size) {}
  unsigned number(unsigned below) {
    if (left_.empty()) return 0;
    auto value = static_cast<unsigned char>(left_.front());
    left_.remove_prefix(1);
    return value % below;
  }
  std::string text() {
    std::size_t size = std::min<std::size_t>(number(24), left_.size());
    std::string piece(left_.substr(0, size));
    left_.remove_prefix(size);
    return piece;
  }

 private:
  std::string_view left_;
};

config::Condition any_condition(Bytes& bytes) {
  using Kind = config::ConditionKey::Kind;
  config::Condition c;
  c.key.kind = static_cast<Kind>(bytes.number(static_cast<unsigned>(Kind::claim) + 1));
  c.key.name = bytes.number(2) == 0 ? "x" : bytes.text();
  c.negate = bytes.number(2) != 0;
  for (unsigned n = 1 + bytes.number(3); n > 0; --n) {
    if (c.key.kind == Kind::host) {
      c.hosts.push_back({bytes.text(), bytes.number(2) != 0});
    } else if (c.key.kind == Kind::path) {
      c.paths.push_back(testing::path_pattern("/" + bytes.text()));
    } else {
      config::Test t;
      t.kind = static_cast<config::Test::Kind>(bytes.number(6));
      t.compare = static_cast<config::Test::Compare>(bytes.number(5));
      t.text = t.kind == config::Test::Kind::version ? "5.2" : bytes.text();
      t.cidr.bits = static_cast<std::uint8_t>(bytes.number(129));
      if (c.key.kind == Kind::ip) t.kind = config::Test::Kind::cidr;
      c.any_of.push_back(t);
    }
  }
  return c;
}

void run(Bytes bytes) {
  config::Spec spec;
  spec.routes.emplace_back().name = "r";
  auto& set = spec.routes.front().when.emplace_back();
  for (unsigned n = 1 + bytes.number(3); n > 0; --n) {
    config::Condition c = any_condition(bytes);
    set.push_back(c);
  }
  std::string methods[] = {"GET", "HEAD", "POST", "BREW"};
  testing::Request request(methods[bytes.number(4)], "/" + bytes.text(), bytes.text());
  for (unsigned n = bytes.number(4); n > 0; --n) {
    std::string name = bytes.number(2) == 0 ? "x" : bytes.text();
    request.header(name, bytes.text());
  }
  if (bytes.number(2) != 0) request.attribute("claim.x", bytes.text());

  config::Diagnostics diagnostics;
  auto router = Router::compile(spec, diagnostics);
  if (!router) return;  // a regex that is none
  ConditionTable table;
  ConditionScratch scratch;
  Truth all = Truth::yes;
  for (const config::Condition& c : set) {
    config::Condition opposite = c;
    opposite.negate = !c.negate;
    const config::Condition* both[] = {&c, &opposite};
    auto range = table.add(both, diagnostics);
    Truth one = table.holds(range.first, request.query(), scratch);
    Truth other = table.holds(range.first + 1, request.query(), scratch);
    if ((one == Truth::unknown) != (other == Truth::unknown)) std::abort();
    if (one != Truth::unknown && one == other) std::abort();
    if (one == Truth::no || (one == Truth::unknown && all == Truth::yes)) all = all == Truth::no ? all : one;
  }
  RouterScratch mine(*router);
  auto kind = router->match(request.query(), mine).kind;
  bool found = kind == RouteChoice::Kind::found;
  bool asks = kind == RouteChoice::Kind::needs_attributes;
  if (found != (all == Truth::yes) || asks != (all == Truth::unknown)) std::abort();
}

}  // namespace
}  // namespace gatehouse::gateway

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gatehouse::gateway::run({data, size});
  return 0;
}
