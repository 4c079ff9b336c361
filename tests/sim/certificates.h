// Certificates of the simulation, and OpenSSL's randomness, so that a seed stays one run with TLS in it.
//
// All keys are Ed25519: their signatures have one length, and what is made of a seed is the same in every
// process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace gatehouse::sim {

// As long as it lives, OpenSSL's randomness comes from `seed`. Lengths on the wire hang on it (a ticket holds
// a random number as DER writes it). One thread, one at a time.
class SeededOpenssl {
 public:
  explicit SeededOpenssl(std::uint64_t seed);
  SeededOpenssl(const SeededOpenssl&) = delete;
  ~SeededOpenssl();
};

// SSL objects that exist; 0 when nothing leaks.
std::size_t tls_objects() noexcept;

inline constexpr long kGatewayCertificates = 4;

// Files that configurations of the simulation name, made once a process:
//   ca.pem                                who signed all that is good
//   gateway-N.pem, gateway-N-key.pem      of the listener, N < kGatewayCertificates, with serial number N + 1
//   service.pem, service-key.pem          of every service
//   impostor.pem, impostor-key.pem        says the same as service.pem, and is signed by somebody else
std::optional<std::string> pem_file(const std::string& name);
std::string pem(const std::string& name);  // of a file that exists

}  // namespace gatehouse::sim
