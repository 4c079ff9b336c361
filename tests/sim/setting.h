// What the gateway is configured to make of a request: said once more in words of the simulation's own, so
// that configuration, services, clients and judge agree, and no fault of the router is mirrored in what
// checks it.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "sim/plan.h"

namespace gatehouse::sim {

// Where clients come from. The last one is in a network that `guarded` denies.
inline const IpAddress kHome = IpAddress::v4(0xc0000201);      // 192.0.2.1
inline const IpAddress kOffice = IpAddress::v4(0xc0000202);    // 192.0.2.2
inline const IpAddress kStranger = IpAddress::v4(0xc6336407);  // 198.51.100.7
inline constexpr std::string_view kDenied = "198.51.100.0/24";

// Where `alpha` is: two addresses by its name, and a third that every second generation has.
inline const std::array<IpAddress, 3> kAlpha = {IpAddress::v4(0x0a000101), IpAddress::v4(0x0a000102),
                                                IpAddress::v4(0x0a000109)};

// Percentages of a split; the rest goes to the other one.
inline constexpr unsigned kCanaryPercent = 20;  // of `split`, to v2
inline constexpr unsigned kWeightPercent = 70;  // of /weights/*, to `left`

inline constexpr unsigned kRewrites = 5;  // ways to write a path of Route::rewritten

bool speaks_tls(const Plan& plan, std::string_view service) noexcept;
// The serial number of the certificate that the listener shows in a generation.
long certificate_of(const Plan& plan, std::uint64_t generation) noexcept;
bool proxied(const RequestPlan& r) noexcept;
std::string target_of(const RequestPlan& r);   // as its client writes it
std::string arrives_as(const RequestPlan& r);  // as a service sees it
// Who may answer, as Services::add names them; one of them only, whatever is tried again.
std::vector<std::string_view> answerers(const RequestPlan& r);
bool may_answer(std::string_view service, const RequestPlan& r);
// `access` of its service does not let this client in.
bool shut_out(const RequestPlan& r, const IpAddress& from) noexcept;
// `headers` of its service are edited.
bool edited(const RequestPlan& r) noexcept;

}  // namespace gatehouse::sim
