#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/json_escape.h"
#include "jose/attacks_testing.h"
#include "jose/key_set.h"
#include "jose/verify.h"

namespace gatehouse::jose {
namespace {

using testing::Attack;
using testing::Keys;

const std::vector<Attack>& table() {
  static const std::vector<Attack> all = [] {
    std::vector<Attack> out;
    testing::add_algorithm_attacks(out);
    testing::add_header_attacks(out);
    testing::add_key_attacks(out);
    testing::add_form_attacks(out);
    testing::add_signature_attacks(out);
    testing::add_claims_attacks(out);
    return out;
  }();
  return all;
}

std::vector<Key> read_keys(const Keys& keys) {
  std::vector<Key> out;
  if (!keys.set.empty()) {
    if (auto set = KeySet::parse(keys.set)) out = std::move(set->keys);
  } else if (auto key = keys.secret.empty() ? Key::from_jwk(keys.jwk) : Key::from_secret(keys.secret, "k1")) {
    out.push_back(std::move(*key));
  }
  return out;
}

// As a filter does it. nullopt: accepted.
std::optional<Fault> judge(const std::string& compact, const Keys& keys) {
  constexpr std::int64_t kNow = 1'796'000'000;  // November 2026
  Expectation expected{.issuer = "https://issuer.example", .audiences = {"api"}, .type = {}, .leeway_s = 60};
  if (!keys.secret.empty()) expected.algorithms = AlgorithmSet::symmetric();
  TokenReader reader;
  const auto token = reader.read(compact);
  if (!token) return token.error();
  if (const auto checked = check_claims(*token, expected, kNow); !checked) return checked.error();
  std::optional<Fault> fault = Fault::unknown_key;
  for (const Key& key : read_keys(keys)) {
    if (!can_verify(*token, key)) continue;
    if (verify(*token, key)) return std::nullopt;
    fault = Fault::bad_signature;
  }
  return fault;
}

std::string_view label(std::optional<Fault> fault) { return fault ? label_of(*fault) : "accepted"; }

TEST(Attacks, AreAllRefusedForTheRightReason) {
  for (const Attack& attack : table())
    EXPECT_EQ(label(judge(attack.token, attack.keys)), label_of(attack.expected)) << attack.name << "\n"
                                                                                  << attack.token;
}

TEST(Attacks, HaveTwinsThatAreAccepted) {
  for (const Attack& attack : table()) {
    EXPECT_EQ(label(judge(attack.twin, attack.twin_keys)), "accepted") << attack.name;
    EXPECT_TRUE(attack.twin != attack.token || attack.twin_keys.set != attack.keys.set ||
                attack.twin_keys.jwk != attack.keys.jwk)
        << attack.name;
  }
}

TEST(Attacks, AreManyAndHaveNames) {
  std::set<std::string> names;
  for (const Attack& attack : table()) names.insert(attack.name);
  EXPECT_EQ(names.size(), table().size());
  EXPECT_GE(names.size(), 150U);
  RecordProperty("attacks", static_cast<int>(names.size()));
}

std::string in_quotes(std::string_view text) {
  std::string out(text.size() * kJsonEscapeGrowth, '\0');
  out.resize(static_cast<std::size_t>(json_escape(text, out.data()) - out.data()));
  return "\"" + out + "\"";
}

std::string line(std::string_view name, std::string_view token, const Keys& keys,
                 std::optional<Fault> verdict) {
  std::string key;
  if (!keys.set.empty())
    key = fmt::format(R"("jwks":{})", in_quotes(keys.set));
  else if (!keys.jwk.empty())
    key = fmt::format(R"("jwk":{})", in_quotes(keys.jwk));
  else
    key = fmt::format(R"("jwk":{})", in_quotes(fmt::format(R"({{"kty":"oct","kid":"k1","k":"{}"}})",
                                                           base64url_encode(keys.secret))));
  return fmt::format("{{\"name\":{},\"token\":{},{},\"accepted\":{},\"verdict\":\"{}\"}}\n", in_quotes(name),
                     in_quotes(token), key, !verdict, label(verdict));
}

// For another library to judge. `jwk` and `jwks` are JSON in a string, as it came: members may stand there
// twice.
TEST(Attacks, Export) {
  const char* const path = std::getenv("GATEHOUSE_JOSE_ATTACKS");
  std::ofstream file;
  if (path != nullptr) file.open(path, std::ios::binary);
  std::ostringstream out;
  std::set<std::string> twins;
  for (const Attack& attack : table()) {
    out << line(attack.name, attack.token, attack.keys, attack.expected);
    if (twins.insert(attack.twin).second)
      out << line("twin of " + attack.name, attack.twin, attack.twin_keys, {});
  }
  const std::string text = out.str();
  EXPECT_EQ(std::ranges::count(text, '\n'), static_cast<std::ptrdiff_t>(table().size() + twins.size()));
  EXPECT_GE(twins.size(), 40U) << "each kind of token is accepted where it is as it should be";
  if (path == nullptr) return;  // nobody asked for it
  file << text;
  file.close();
  EXPECT_TRUE(file);
}

}  // namespace
}  // namespace gatehouse::jose
