// The targets that a configuration can name: services, redirects, fixed replies.
#pragma once

#include <string>
#include <vector>

#include "gateway/router.h"
#include "gateway/target.h"
#include "upstream/service.h"

namespace gatehouse::gateway {

// Where a share of a route's requests goes.
struct WeightedVersion {
  const upstream::Service* service = nullptr;         // of the same snapshot
  const upstream::ServiceVersion* version = nullptr;  // of that service
  double up_to = 100;                                 // cumulated percent
  std::uint32_t series = 0;                           // StateRegistry::series
};

class ProxyTarget final : public Target {
 public:
  // How a version's service is called from this route.
  struct Manner {
    upstream::CallPolicy policy;
    std::vector<CompiledRewrite> rewrites;  // by the pattern that matched
    std::string host;                       // for Host instead of the client's; empty = the client's
  };
  struct Parts {
    std::vector<WeightedVersion> versions;  // never empty; the last reaches 100
    std::vector<Manner> manners;            // by position in `versions`
  };
  explicit ProxyTarget(Parts parts) : parts_(std::move(parts)) {}
  void choose(Exchange& x) const override;
  net::Task<Result<Reply>> answer(Exchange& x) const override;

 private:
  Parts parts_;
};

class RedirectTarget final : public Target {
 public:
  RedirectTarget(std::vector<CompiledRewrite> to, std::uint16_t status)
      : to_(std::move(to)), status_(status) {}
  net::Task<Result<Reply>> answer(Exchange& x) const override;

 private:
  std::vector<CompiledRewrite> to_;  // by the pattern that matched
  std::uint16_t status_;
};

// The same host and path over HTTPS.
class HttpsRedirectTarget final : public Target {
 public:
  explicit HttpsRedirectTarget(std::uint16_t port) noexcept : port_(port) {}
  net::Task<Result<Reply>> answer(Exchange& x) const override;

 private:
  std::uint16_t port_;
};

class ReplyTarget final : public Target {
 public:
  explicit ReplyTarget(config::ReplySpec spec) : spec_(std::move(spec)) {}
  net::Task<Result<Reply>> answer(Exchange& x) const override;

 private:
  config::ReplySpec spec_;
};

}  // namespace gatehouse::gateway
