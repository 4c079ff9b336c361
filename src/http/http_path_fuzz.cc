// Targets, hosts and the normal form of paths: a normal form is its own normal form, and hides nothing.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/path.h"

namespace {

using namespace gatehouse;
using namespace gatehouse::http;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_path(std::string_view raw, bool merge_slashes, Arena& arena) {
  const auto once = normalise_path(raw, {merge_slashes}, arena);
  if (!once) {
    require(once.error().code == Errc::bad_path && !once.error().detail.empty());
    return;
  }
  const std::string_view path = once->path;
  require(path.starts_with('/'));
  const auto twice = normalise_path(path, {merge_slashes}, arena);
  require(twice && twice->path == path && twice->encoded_slash == once->encoded_slash);
  const std::string framed = std::string(path) + "/";
  for (std::string_view never : {"/../", "/./", "/..;", "/.;", "%00", "%5C", "%5c", "\\", "%2E", "%0A"})
    require(framed.find(never) == framed.npos);
  if (merge_slashes) require(path.find("//") == path.npos);
  // An encoded slash is opaque and stays as it came, in either case.
  require(once->encoded_slash == (path.find("%2F") != path.npos || path.find("%2f") != path.npos));
  for (char c : path) require(static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  BlockPool pool;
  Arena arena(pool);
  check_path(text, true, arena);
  check_path(text, false, arena);
  if (const auto split = split_target(text)) {
    require(std::string(split->path) + std::string(split->query) == text);
    check_path(split->path, true, arena);
    std::size_t values = 0;
    for_each_query(split->query, "a", [&](std::string_view v) { values += v.size(); });
    require(values <= text.size());
  }
  if (valid_host(text)) {
    const std::string_view name = host_without_port(text);
    require(!name.empty() && valid_host(name) && text.starts_with(name));
  } else {
    (void)host_without_port(text);
  }
  for_each_cookie(text, "a", [](std::string_view) {});
  return 0;
}
