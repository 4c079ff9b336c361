#include "jose/key_set.h"

#include <fmt/format.h>

#include <utility>

#include "jose/json_document.h"
#include "jose/key_material.h"

namespace gatehouse::jose {

namespace {

std::string_view kid_of(simdjson::dom::object jwk) {
  std::string_view kid;
  if (jwk.at_key("kid").get(kid) != simdjson::SUCCESS) return {};
  return kid;
}

std::expected<Key, std::string> read_published(simdjson::dom::object jwk) {
  std::string_view kty;
  // Before anything else of it is looked at: whoever reads a published secret can sign with it.
  if (jwk.at_key("kty").get(kty) == simdjson::SUCCESS && kty == "oct")
    return std::unexpected("a published `oct` key is no secret");
  return read_jwk(jwk);
}

}  // namespace

std::expected<KeySet, std::string> KeySet::parse(std::string_view json) {
  if (json.size() > kMaxBytes)
    return std::unexpected(fmt::format("a key set has at most {} bytes", kMaxBytes));
  JsonDocument document;
  if (!document.parse(json)) return std::unexpected("it is not a JSON object, or names a member twice");
  simdjson::dom::array keys;
  if (document.root().at_key("keys").get(keys) != simdjson::SUCCESS)
    return std::unexpected("it has no list `keys`");
  if (keys.size() > kMaxKeys) return std::unexpected(fmt::format("a key set has at most {} keys", kMaxKeys));

  KeySet set;
  set.keys.reserve(keys.size());
  std::size_t index = 0;
  for (simdjson::dom::element element : keys) {
    simdjson::dom::object jwk;
    if (element.get(jwk) != simdjson::SUCCESS) {
      set.skipped.push_back({index, {}, "it is not a JSON object"});
    } else if (auto key = read_published(jwk)) {
      set.keys.push_back(std::move(*key));
    } else {
      set.skipped.push_back({index, std::string(kid_of(jwk)), std::move(key.error())});
    }
    ++index;
  }
  return set;
}

}  // namespace gatehouse::jose
