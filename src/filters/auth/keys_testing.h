// For tests of keys: some, and an issuer in memory that publishes them.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <array>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jose/base64url.h"
#include "jose/key.h"
#include "net/memory_network.h"
#include "net/nursery.h"

namespace gatehouse::filters::testing {

// The JWK of an Ed25519 key; another one for each `n`.
inline std::string test_jwk(std::string_view kid, unsigned n) {
  std::array<unsigned char, 32> bytes{};
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<unsigned char>(n >> (8 * i));
  EVP_PKEY* pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes.data(), bytes.size());
  std::size_t size = bytes.size();
  EVP_PKEY_get_raw_public_key(pkey, bytes.data(), &size);
  EVP_PKEY_free(pkey);
  std::string jwk = R"({"kty":"OKP","crv":"Ed25519","x":")";
  jwk += jose::base64url_encode(std::span<const std::uint8_t>(bytes)) + '"';
  if (!kid.empty()) jwk += R"(,"kid":")" + std::string(kid) + '"';
  return jwk + '}';
}

inline jose::Key test_key(std::string_view kid, unsigned n) {
  auto key = jose::Key::from_jwk(test_jwk(kid, n));
  EXPECT_TRUE(key) << key.error();
  return *key;
}

// Key `a` is number 97, and so on: "ab" is a set of two.
inline std::string test_set(std::string_view letters) {
  std::string text = R"({"keys":[)";
  for (char c : letters) {
    if (text.back() == '}') text += ',';
    text += test_jwk(std::string_view(&c, 1), static_cast<unsigned char>(c));
  }
  return text + "]}";
}
inline std::vector<jose::Key> test_keys(std::string_view letters) {
  std::vector<jose::Key> keys;
  for (char c : letters) keys.push_back(test_key(std::string_view(&c, 1), static_cast<unsigned char>(c)));
  return keys;
}

// Their kids, one behind the other, in order.
inline std::string kids(const std::vector<jose::Key>& keys) {
  std::string text;
  for (const jose::Key& key : keys) text += key.kid();
  return text;
}

inline std::string http_answer(std::string_view body, std::string_view fields = {}, int status = 200) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

// 127.0.0.1:80. `answer` is the whole of it, by target; empty: the connection is reset.
class FakeIssuer {
 public:
  explicit FakeIssuer(net::MemoryWorld& world)
      : host_(world),
        connections_(host_.loop, 10'000),
        acceptor_(
            *host_.network.accept_on(*world.bind(net::SocketAddress::of(IpAddress::v4(0x7f000001), 80)))),
        accepting_(accept_all()) {}
  FakeIssuer(const FakeIssuer&) = delete;

  std::function<std::string(const std::string& target)> answer;
  Duration wait{};  // before each answer
  struct Request {
    Time at;
    std::string target;
  };
  std::vector<Request> requests;

 private:
  net::Task<void> accept_all() {
    for (;;) {
      co_await acceptor_->wait();
      for (auto s = acceptor_->try_accept(); s && *s; s = acceptor_->try_accept())
        connections_.adopt(serve(std::move(*s)));
    }
  }
  net::Task<void> serve(net::StreamPtr stream) {
    std::string text;
    while (text.find("\r\n\r\n") == std::string::npos) {
      auto bytes = co_await stream->recv(4096, after(host_.loop.now(), 1h));
      if (!bytes || bytes->empty()) co_return;
      text += bytes->view();
    }
    std::string target = text.substr(4, text.find(' ', 4) - 4);
    requests.push_back({host_.loop.now(), target});
    if (wait > Duration::zero()) co_await net::sleep_for(host_.loop, wait);
    std::string said = answer(target);
    if (said.empty()) {
      stream->reset_on_close();
      co_return;
    }
    net::SliceList out;
    out.add(Slice::unowned(said));
    (void)co_await stream->send(std::move(out), 1h);
  }

  net::MemoryHost host_;
  net::Nursery connections_;
  std::unique_ptr<net::Acceptor> acceptor_;
  net::Task<void> accepting_;
};

}  // namespace gatehouse::filters::testing
