// What is known about a request when it is over: for the log, the metrics, and later the canary's evidence.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/ip.h"
#include "base/time.h"
#include "http/message.h"
#include "net/tls_info.h"

namespace gatehouse::gateway {

// Views are valid during the call of RecordSink::record only.
struct RequestRecord {
  static constexpr std::uint32_t kNoSeries = UINT32_MAX;

  WallTime time{};  // of the first byte of the request
  std::string_view listener;
  std::string_view method;
  std::string_view host;
  std::string_view path;   // normalised; the raw target where it could not be
  std::string_view query;  // with its '?'
  http::Version version = http::Version::http11;
  std::string_view route;  // names; empty = none
  std::string_view service;
  std::string_view service_version;
  std::string_view endpoint;
  std::uint32_t series = kNoSeries;  // StateRegistry::series of route, service and version
  std::uint16_t status = 0;          // sent to the client; 0 = nothing was sent
  bool failed = false;               // `reason` says why
  Errc reason = Errc::internal;
  std::string_view detail;
  Duration total{};     // first byte of the request to the last of the answer
  Duration upstream{};  // waiting for the service's head, all tries together
  Duration own{};       // until the head of the answer left, less `upstream` and less waiting for the client
  Duration first_byte{};        // first byte of the request to the first of the answer
  std::uint64_t bytes_in = 0;   // body
  std::uint64_t bytes_out = 0;  // body
  unsigned tries = 0;
  std::string_view user;       // who showed good credentials; empty = nobody
  std::string_view limit;      // that refused it, or would have in a dry run; its name
  std::string_view limit_key;  // and whose count it was, as it may be shown
  std::string_view request_id;
  std::string_view trace_id;
  IpAddress client;
  const net::TlsInfo* tls = nullptr;  // of the connection, which outlives the record; null = clear text

  // All texts above that are somebody else's memory.
  static constexpr auto texts() noexcept {
    using R = RequestRecord;
    return std::array{&R::listener,   &R::method,          &R::host,     &R::path, &R::query, &R::route,
                      &R::service,    &R::service_version, &R::endpoint, &R::user, &R::limit, &R::limit_key,
                      &R::request_id, &R::trace_id};
  }
};

// A record that outlives its exchange: its texts in memory of its own.
class KeptRecord {
 public:
  explicit KeptRecord(const RequestRecord& r);
  RequestRecord& get() noexcept { return record_; }

 private:
  RequestRecord record_;
  std::unique_ptr<char[]> texts_;
};

// One per worker; called on its thread, once a request, after everything about it has ended. Must not block.
class RecordSink {
 public:
  virtual void record(const RequestRecord& r) noexcept = 0;

 protected:
  ~RecordSink() = default;
};

}  // namespace gatehouse::gateway
