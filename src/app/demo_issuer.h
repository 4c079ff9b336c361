// An identity provider for the demonstration, and for nothing else: one key, made when it starts, and whoever
// asks gets in. Your own gateway names your own provider.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "app/sample_service.h"
#include "base/time.h"

namespace gatehouse::app {

class DemoIssuer {
 public:
  static constexpr std::string_view kAudience = "demo";

  DemoIssuer();  // on a free port of 127.0.0.1
  DemoIssuer(const DemoIssuer&) = delete;
  ~DemoIssuer();

  std::string url() const;  // `iss` of its tokens
  // A token for `user`, good for an hour from `now` on.
  std::string token(std::string_view user, WallTime now) const;

 private:
  struct SigningKey;
  SampleAnswer answer(const SampleRequest& request) const;

  std::unique_ptr<const SigningKey> key_;
  SampleService service_;  // last: its thread asks the others
};

}  // namespace gatehouse::app
