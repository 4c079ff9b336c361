// Kinds of TLS: certificates, keys, authorities, and the words around them.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "config/kinds.h"
#include "config/substitute.h"

namespace gatehouse::config {

namespace {

using Client = ListenerTlsSpec::Client;

// The path of a file, or a substitution that stands for the text itself.
std::optional<PemText> read_pem(Reader& reader, const Node& node, const Field& field) {
  if (!is_one_value(reader, node, field)) return std::nullopt;
  PemText pem{node.shown(), {}, reader.at(node)};
  if (node.substituted && node.value.find("-----BEGIN ") != std::string::npos) {
    pem.text = node.value;
    return pem;
  }
  if (node.value.empty()) {
    reader.error(node, fmt::format("`{}` is empty", field.name), "Write the path of a PEM file");
    return std::nullopt;
  }
  auto text = contents(reader, node, beside(pem.at.file, node.value), pem.shown);
  if (!text) return std::nullopt;
  // An empty file must never read as no file: no demand for certificates, or trust in the system's
  // authorities.
  if (text->find("-----BEGIN ") == std::string::npos) {
    reader.error(node, fmt::format("the file `{}` holds nothing in PEM form", pem.shown),
                 "It begins with `-----BEGIN`");
    return std::nullopt;
  }
  pem.text = std::move(*text);
  return pem;
}

bool read_pem_file(Reader& reader, const Node& node, const Field& field, PemText& out) {
  auto pem = read_pem(reader, node, field);
  if (pem) out = std::move(*pem);
  return pem.has_value();
}

std::optional<std::string> show_pem(const PemText& pem) {
  return pem.shown.empty() ? std::nullopt : std::optional(scalar_text(pem.shown));
}
std::optional<std::string> show_pem_file(const Field&, const PemText& value) { return show_pem(value); }

// `cert` and `key` of one certificate, in whichever order they stand.
bool read_cert_of(Reader& reader, const Node& node, const Field& field, CertificateSpec& out) {
  return read_pem_file(reader, node, field, out.cert);
}
bool read_key_of(Reader& reader, const Node& node, const Field& field, CertificateSpec& out) {
  return read_pem_file(reader, node, field, out.key);
}
std::optional<std::string> show_cert_of(const Field&, const CertificateSpec& value) {
  return show_pem(value.cert);
}
std::optional<std::string> show_key_of(const Field&, const CertificateSpec& value) {
  return show_pem(value.key);
}

CertificateSpec& single(std::vector<CertificateSpec>& all) {
  if (all.empty()) all.emplace_back();
  return all.front();
}
bool read_single_cert(Reader& reader, const Node& node, const Field& field,
                      std::vector<CertificateSpec>& out) {
  return read_cert_of(reader, node, field, single(out));
}
bool read_single_key(Reader& reader, const Node& node, const Field& field,
                     std::vector<CertificateSpec>& out) {
  return read_key_of(reader, node, field, single(out));
}
std::optional<std::string> show_single_cert(const Field& field, const std::vector<CertificateSpec>& value) {
  return value.size() == 1 ? show_cert_of(field, value.front()) : std::nullopt;
}
std::optional<std::string> show_single_key(const Field& field, const std::vector<CertificateSpec>& value) {
  return value.size() == 1 ? show_key_of(field, value.front()) : std::nullopt;
}

bool read_one_of_several(Reader& reader, const Node& node, const Field& field, CertificateSpec& out) {
  if (!node.is_map()) {
    reader.error(node, fmt::format("each of `{}` is a certificate with its key", field.name),
                 "Write `- {cert: FILE, key: FILE}`");
    return false;
  }
  bool good = true;
  for (const NodeMember& member : node.members) {
    const bool cert = member.key.value == "cert";
    if (!cert && member.key.value != "key") {
      reader.error(member.key, fmt::format("unknown key `{}` in `{}`", member.key.value, field.name),
                   "Known are `cert` and `key`");
      good = false;
    } else {
      good = read_pem_file(reader, member.value, field, cert ? out.cert : out.key) && good;
    }
  }
  if (node.find("cert") == nullptr) {
    reader.error(node, "a certificate without `cert`", "Write `- {cert: FILE, key: FILE}`");
    good = false;
  }
  return good;
}

bool read_certificates(Reader& reader, const Node& node, const Field& field,
                       std::vector<CertificateSpec>& out) {
  if (node.is_scalar() && node.value == "dev" && !node.substituted) {
    out.push_back({{"dev", {}, reader.at(node)}, {}});
    return true;
  }
  if (!node.is_list()) {
    reader.error(node, fmt::format("`{}` is no certificate", node.is_scalar() ? node.shown() : "this"),
                 "Write `tls: {cert: FILE, key: FILE}`, a list of such maps, or `tls: dev`");
    return false;
  }
  if (node.items.empty()) {
    reader.error(node, "the list of certificates is empty", "Write `- {cert: FILE, key: FILE}`");
    return false;
  }
  if (!reader.few_enough(node, field.name)) return false;
  if (!out.empty()) {
    reader.error(node, "`certificates` besides `cert` and `key`", "Keep one of them");
    return false;
  }
  bool good = true;
  for (const Node& item : node.items)
    good = read_one_of_several(reader, item, field, out.emplace_back()) && good;
  return good;
}

std::optional<std::string> show_certificates(const Field&, const std::vector<CertificateSpec>& value) {
  if (value.size() < 2) return std::nullopt;
  std::vector<std::string> items;
  for (const CertificateSpec& c : value) {
    std::string item = "{cert: " + show_pem(c.cert).value_or("\"\"");
    if (auto key = show_pem(c.key)) item += ", key: " + *key;
    items.push_back(item + "}");
  }
  return show_list(items);
}

bool read_client(Reader& reader, const Node& node, const Field& field, Client& out) {
  if (!is_one_value(reader, node, field)) return false;
  for (const auto& [word, value] :
       {std::pair{"none", Client::none}, {"optional", Client::optional}, {"required", Client::required}}) {
    if (node.value != word) continue;
    out = value;
    return true;
  }
  reader.refuse(node, field.name, field.kind->expects,
                {fmt::format("`{}` is none of them", node.value), "Write `required`, `optional` or `none`"});
  return false;
}

std::optional<std::string> show_client(const Field&, const Client& value) {
  return value == Client::none ? "none" : value == Client::optional ? "optional" : "required";
}

bool read_version(Reader& reader, const Node& node, const Field& field, bool& only_1_3) {
  if (!is_one_value(reader, node, field)) return false;
  if (node.value != "1.2" && node.value != "1.3") {
    reader.refuse(node, field.name, field.kind->expects,
                  {fmt::format("`{}` is no version that is spoken", node.value), "Write `1.2` or `1.3`"});
    return false;
  }
  only_1_3 = node.value == "1.3";
  return true;
}

std::optional<std::string> show_version(const Field&, const bool& only_1_3) {
  return only_1_3 ? "1.3" : "1.2";
}

bool read_server_name(Reader& reader, const Node& node, const Field& field, std::string& out) {
  if (!is_one_value(reader, node, field)) return false;
  if (!is_host(node.value) && !is_address(node.value)) {
    reader.refuse(node, field.name, field.kind->expects,
                  {fmt::format("`{}` is no name", node.value), "Write for example `users.internal`"});
    return false;
  }
  out = lower_case(node.value);
  return true;
}

std::optional<std::string> show_server_name(const Field&, const std::string& value) {
  return value.empty() ? std::nullopt : std::optional(scalar_text(value));
}

bool read_redirect(Reader& reader, const Node& node, const Field& field, std::uint16_t& out) {
  if (!is_one_value(reader, node, field)) return false;
  std::string_view text = node.value;
  out = 0;
  if (text == "none" || text == "off") return true;
  if (text == "https") {
    out = 443;
    return true;
  }
  if (text.starts_with("https:")) {
    auto port = parse_integer(text.substr(6));
    if (port && *port >= 1 && *port <= 65535) {
      out = static_cast<std::uint16_t>(*port);
      return true;
    }
  }
  reader.refuse(
      node, field.name, field.kind->expects,
      {fmt::format("`{}` is neither", node.value), "Write `https`, or `https:8443` for another port"});
  return false;
}

std::optional<std::string> show_redirect(const Field&, const std::uint16_t& value) {
  return value == 0 ? "none" : value == 443 ? "https" : fmt::format("https:{}", value);
}

bool read_hsts(Reader& reader, const Node& node, const Field& field, std::string& out) {
  if (!is_one_value(reader, node, field)) return false;
  if (node.value == "off" || node.value == "false" || node.value == "none") {
    out.clear();
  } else if (node.value == "on" || node.value == "true") {
    out = "max-age=31536000";
  } else if (node.value.starts_with("max-age=") &&
             std::ranges::all_of(node.value, [](char c) { return c >= 0x20 && c < 0x7f; })) {
    out = node.value;
  } else {
    reader.refuse(node, field.name, field.kind->expects,
                  {fmt::format("`{}` is no policy", node.value),
                   "Write `on`, or for example `max-age=86400; includeSubDomains`"});
    return false;
  }
  return true;
}

std::optional<std::string> show_hsts(const Field&, const std::string& value) {
  return value.empty() ? "off" : scalar_text(value);
}

constexpr std::string_view kPathSchema = R"({"type": "string"})";

}  // namespace

constinit const ValueKind<std::vector<CertificateSpec>> kCertificates{
    {"certificates", "a list of certificates, such as `[{cert: a.pem, key: a-key.pem}]`",
     R"({"anyOf": [{"const": "dev"}, {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["cert"], "additionalProperties": false, "properties": {"cert": {"type": "string"}, "key": {"type": "string"}}}}]})",
     true},
    read_certificates,
    show_certificates};
constinit const ValueKind<std::vector<CertificateSpec>> kCertificateFile{
    {"PEM file", "the path of a PEM file", kPathSchema, true}, read_single_cert, show_single_cert};
constinit const ValueKind<std::vector<CertificateSpec>> kKeyFile{
    {"PEM file", "the path of a PEM file", kPathSchema, true}, read_single_key, show_single_key};
constinit const ValueKind<CertificateSpec> kOwnCertificate{
    {"PEM file", "the path of a PEM file", kPathSchema, true}, read_cert_of, show_cert_of};
constinit const ValueKind<CertificateSpec> kOwnKey{
    {"PEM file", "the path of a PEM file", kPathSchema, true}, read_key_of, show_key_of};
constinit const ValueKind<PemText> kPemFile{
    {"PEM file", "the path of a PEM file", kPathSchema, true}, read_pem_file, show_pem_file};
constinit const ValueKind<Client> kClientCertificate{
    {"client certificate", "`required`, `optional` or `none`",
     R"({"enum": ["required", "optional", "none"]})"},
    read_client,
    show_client};
constinit const ValueKind<bool> kTlsVersion{
    {"TLS version", "`1.2` or `1.3`", R"({"enum": [1.2, 1.3, "1.2", "1.3"]})"}, read_version, show_version};
constinit const ValueKind<std::string> kServerName{
    {"host", "a host, such as `users.internal`", R"({"type": "string"})"},
    read_server_name,
    show_server_name};
constinit const ValueKind<std::uint16_t> kHttpsRedirect{
    {"redirect to HTTPS", "`https`, `https:PORT` or `none`",
     R"({"type": "string", "pattern": "^(https(:[0-9]+)?|none)$"})"},
    read_redirect,
    show_redirect};
constinit const ValueKind<std::string> kHsts{
    {"HSTS policy", "`on`, `off` or the policy itself", R"({"type": ["string", "boolean"]})"},
    read_hsts,
    show_hsts};

}  // namespace gatehouse::config
