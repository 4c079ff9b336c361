// Whatever a client sends, a record is one line, valid JSON, and within its bound.
#include <simdjson.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "control/json_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gatehouse;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  auto take = [&rest]() -> std::string_view {  // up to the next 0xff
    std::string_view part = rest.substr(0, rest.find('\xff'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    return part;
  };
  gateway::RequestRecord r;
  r.method = take();
  r.host = take();
  r.path = take();
  r.query = take();
  r.route = take();
  r.endpoint = take();
  r.request_id = take();
  r.service_version = take();
  const std::size_t most = control::line_bound(r);
  auto line = std::make_unique<char[]>(most);
  control::SecondText second;
  const char* end = control::write_line(r, control::LineLayout(), second, line.get());
  const std::string_view text(line.get(), static_cast<std::size_t>(end - line.get()));
  simdjson::dom::parser parser;
  const bool one_line = text.find('\n') == text.size() - 1;
  if (text.size() > most || !one_line || parser.parse(text.data(), text.size()).error()) std::abort();
  return 0;
}
