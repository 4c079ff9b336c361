// `api_keys` once its fields are read: the file of keys, and what holds between keys.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

#include "config/finish.h"
#include "config/substitute.h"
#include "config/tables.h"
#include "config/yaml.h"

namespace gatehouse::config {

namespace {

constexpr std::size_t kMostKeys = 100'000;

const Field& keys_field() {
  static const Field& kField = api_keys_table().fields[find_field(api_keys_table(), "keys")];
  return kField;
}

// The keys of the file, each with its own place. What is in it is data that programs write: `$NAME` in it
// stands for itself.
void read_key_file(Reader& reader, const Node& node, ApiKeysSpec& keys) {
  const std::string path = beside(reader.at(node).file, node.value);
  const std::string& shown = node.substituted ? node.source : path;
  const auto text = contents(reader, node, path, shown, kMaxKeyFileSize);
  if (!text) return;
  const auto root = read_yaml(*text, reader.add_file(path), path, reader.diagnostics(), kMaxKeyFileSize);
  if (!root) return;
  if (root->is_null()) {
    reader.warning(reader.at(node), fmt::format("the file `{}` holds no key", shown));
    return;
  }
  if (!root->is_map()) {
    reader.error(*root, "a file of keys is a map from names to keys",
                 "Write for example `alice: {sha256: ...}`");
    return;
  }
  if (root->members.size() + keys.keys.size() > kMostKeys) {
    reader.error(*root, fmt::format("more than {} API keys", kMostKeys));
    return;
  }
  const std::size_t first = keys.keys.size();
  keys.keys.reserve(first + root->members.size());
  read_field(reader, *root, "api_keys.keys", keys_field(), &keys);
  for (std::size_t i = first; i < keys.keys.size(); ++i) keys.keys[i].of_file = true;
}

// Two names for one key: who holds it would be decided by chance.
void same_key_twice(Reader& reader, const ApiKeysSpec& keys) {
  std::unordered_map<std::string_view, const ApiKeySpec*> seen;
  seen.reserve(keys.keys.size());
  for (const ApiKeySpec& key : keys.keys) {
    if (key.sha256 == std::array<std::uint8_t, 32>{}) continue;  // refused already
    const std::string_view hash(reinterpret_cast<const char*>(key.sha256.data()), key.sha256.size());
    const auto [known, fresh] = seen.try_emplace(hash, &key);
    if (fresh) continue;
    reader.error(key.at,
                 fmt::format("`{}` and `{}` have the same `sha256`, the other at {}:{}", key.name,
                             known->second->name, known->second->at.file, known->second->at.line),
                 "Give each its own key");
  }
}

}  // namespace

void finish_api_keys(Reader& reader, const Node& node, void* object) {
  auto& keys = *static_cast<ApiKeysSpec*>(object);
  const Node* file = node.find("file");
  if (file != nullptr && !keys.file.empty()) read_key_file(reader, *file, keys);
  same_key_twice(reader, keys);
  if (file == nullptr && keys.keys.empty() &&
      (node.find("keys") == nullptr || node.find("keys")->is_null() || node.find("keys")->members.empty())) {
    reader.error(node, "`api_keys` has no keys",
                 "Write `keys: {NAME: {sha256: HASH}}`, or `file: keys.yaml`");
  }
  if (keys.in == ApiKeysSpec::In::query) {
    const Node* in = node.find("in");
    reader.warning(reader.at(in != nullptr ? *in : node),
                   "a key in the query ends up in histories, and in logs on the way here",
                   "Where clients can, let them send it in a header: `in: header.x-api-key`");
  }
}

void finish_api_key(Reader& reader, const Node& node, void* object) {
  const auto& key = *static_cast<const ApiKeySpec*>(object);
  // A key that is unknown may well have been the one.
  const bool known = std::ranges::all_of(node.members, [](const NodeMember& member) {
    return find_field(api_key_table(), member.key.value) < api_key_table().fields.size();
  });
  if ((node.is_map() || node.is_null()) && node.find("sha256") == nullptr && known) {
    reader.error(key.at, fmt::format("the key `{}` has no `sha256`", key.name),
                 "Write the hash of the key in 64 hex digits: `printf %s KEY | sha256sum`");
  }
}

}  // namespace gatehouse::config
