// Names and values of header fields: known names, folding, lists, hop-by-hop removal, the scanning loops.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/header.h"
#include "http/scan.h"

namespace {

using namespace gatehouse;
using namespace gatehouse::http;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_name(std::string_view name) {
  const HeaderId id = header_id(name);
  if (id == HeaderId::x_forwarded_other) {
    require(iequals(name.substr(0, 12), "x-forwarded-"));
  } else if (id != HeaderId::other) {
    require(iequals(name, header_info(id).name));
  }
  const HeaderId folded = folded_id(name);
  if (id != HeaderId::other) require(folded == id);
  if (folded != HeaderId::other && folded != HeaderId::x_forwarded_other)
    require(folds_to(name, header_info(folded).name));
}

void check_scans(std::string_view text) {
  const char* p = text.data();
  const char* end = p + text.size();
  require(scan::end_of_value(p, end) == scan::skip(p, end, kValue));
  require(scan::portable::end_of_value(p, end) == scan::skip(p, end, kValue));
  require(scan::end_of_target(p, end) == scan::skip(p, end, kTarget));
  require(scan::portable::end_of_target(p, end) == scan::skip(p, end, kTarget));
  require(scan::end_of_token(p, end) == scan::skip(p, end, kToken));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data),
                         size);  // its own allocation: reads beyond it are seen
  check_name(text);
  check_scans(text);
  BlockPool pool;
  Arena arena(pool);
  HeaderTable table(arena);
  std::string_view rest = text;  // "name:value" lines
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() == rest.size() ? rest.size() : line.size() + 1);
    const std::size_t colon = line.find(':');
    if (colon == line.npos) continue;
    check_name(line.substr(0, colon));
    table.add(line.substr(0, colon), line.substr(colon + 1));
  }
  std::string named;
  for (const Header& h : table)
    if (h.id == HeaderId::connection) named += std::string(h.value) + ",";
  remove_hop_by_hop(table);
  for (const Header& h : table) require(!(header_info(h.id).policy & kHopByHop));
  for_each_list_item(named, [&](std::string_view name) { require(table.find(name) == nullptr); });
  return 0;
}
