// GET of a URL that no service stands for: keys and discovery documents of issuers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/spec.h"
#include "net/resolver.h"
#include "upstream/call.h"
#include "upstream/client.h"

namespace gatehouse::upstream {

struct UrlRequest {
  config::WebUrl url;
  std::shared_ptr<const net::TlsClientContext> tls{};  // of an https URL
  std::string_view accept = "*/*";                     // static text
  Duration within{5s};                                 // for all of it, from the look-up to the last byte
  std::size_t max_bytes = std::size_t{64} * 1024;      // of the body
};

struct UrlAnswer {
  std::uint16_t status = 0;
  std::string cache_control;  // all of its fields, joined by commas
  std::string age;
  std::string content_type;
  std::string body;
};

// Looks the name up anew for each call, tries its addresses in turn, verifies the certificate for the URL's
// host, and closes the connection afterwards: nothing of a call is left when it is over. Redirects are not
// followed; a body comes without any coding.
//
// Thread: the client's loop. Client and resolver outlive it, and it outlives its calls. SharedVersion indexes
// of `client` are its own: whoever else calls through that client would find its connections mixed up.
class UrlClient {
 public:
  UrlClient(Client& client, net::Resolver& resolver) noexcept : client_(client), resolver_(resolver) {}
  UrlClient(const UrlClient&) = delete;

  // Any status but 3xx. Errors: those of `call`, name_not_resolved, upstream_timeout (nothing whole came
  // `within`), upstream_malformed (a redirect, a coding, too many bytes).
  net::Task<Result<UrlAnswer>> get(UrlRequest request);

 private:
  class Place;
  net::Task<Result<UrlAnswer>> fetch(const UrlRequest& request, Time deadline);
  net::Task<Result<UrlAnswer>> ask(const UrlRequest& request, const Service& service);

  Client& client_;
  net::Resolver& resolver_;
  // The client keeps something for each index for ever, so those of ended calls are used again: with the same
  // object, whose slot counts on.
  std::vector<std::shared_ptr<SharedVersion>> unused_;
  std::uint32_t next_index_ = 0;
};

}  // namespace gatehouse::upstream
