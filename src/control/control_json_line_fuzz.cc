// Whatever a client sends, a record is one line, valid JSON, and within its bound.
#include <simdjson.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/json_line.h"

namespace {

struct Tls final : gatehouse::net::TlsInfo {
  std::string_view server_name() const noexcept override { return name; }
  std::string_view version() const noexcept override { return "TLSv1.3"; }
  std::string_view cipher() const noexcept override { return "TLS_AES_128_GCM_SHA256"; }
  std::string_view protocol() const noexcept override { return {}; }
  bool resumed() const noexcept override { return false; }
  const gatehouse::net::TlsPeer* certificate() const noexcept override { return &peer; }
  bool speaks_for(std::string_view) const noexcept override { return true; }
  std::string_view name;
  gatehouse::net::TlsPeer peer;
};

}  // namespace

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
  r.user = take();
  r.limit = take();
  r.limit_key = take();
  Tls tls;
  tls.name = take();
  tls.peer.subject = take();
  const bool over_tls = r.path.size() % 2 == 0;
  if (over_tls) r.tls = &tls;
  const std::size_t most = control::line_bound(r);
  auto line = std::make_unique<char[]>(most);
  control::SecondText second;
  std::vector<std::string> fields;
  for (const auto& f : control::log_fields()) fields.emplace_back(f.name);
  for (const control::LineLayout& layout : {control::LineLayout(fields), control::LineLayout()}) {
    const char* end = control::write_line(r, layout, second, line.get());
    const std::string_view text(line.get(), static_cast<std::size_t>(end - line.get()));
    simdjson::dom::parser parser;
    const bool one_line = text.find('\n') == text.size() - 1;
    if (text.size() > most || !one_line || parser.parse(text.data(), text.size()).error()) std::abort();
  }
  return 0;
}
