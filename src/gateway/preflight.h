// CORS preflights: what a browser asks before it sends the request of another origin's page (Fetch standard,
// section 4.8). Which of them are answered, and how, is a filter's business; which route they are about is
// not.
#pragma once

#include <string_view>

#include "gateway/router.h"

namespace gatehouse::gateway {

// The method of the request that `head` announces; empty if it is no preflight: OPTIONS with one Origin and
// one Access-Control-Request-Method, which names a method.
std::string_view method_announced_by(const http::RequestHead& head) noexcept;

// The route of the announced request. `query` is the preflight's, and is left as it was asked at last.
//
// Method, host, path, query string, address and listener are those of the request to come. Its headers,
// cookies, certificate and identity are not sent along, so conditions on them are first asked of the
// preflight, which has none: that finds the route of everybody, where there is one. If there is none, they
// count as met, and the first route whose other conditions hold is taken.
RouteChoice match_announced(const Router& router, RouteQuery& query, std::string_view method,
                            RouterScratch& scratch);

}  // namespace gatehouse::gateway
