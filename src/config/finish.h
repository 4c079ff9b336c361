// Checks of one struct that need more than one of its fields. Called when the struct has been read.
#pragma once

#include "config/reader.h"

namespace gatehouse::config {

void finish_listener(Reader& reader, const Node& node, void* listener);
void finish_service(Reader& reader, const Node& node, void* service);
void finish_listener_tls(Reader& reader, const Node& node, void* tls);
void finish_service_tls(Reader& reader, const Node& node, void* tls);
void finish_cors(Reader& reader, const Node& node, void* cors);
void finish_redirect(Reader& reader, const Node& node, void* redirect);
void finish_reply(Reader& reader, const Node& node, void* reply);
void finish_route(Reader& reader, const Node& node, void* route);
void finish_admin(Reader& reader, const Node& node, void* admin);
void finish_limit(Reader& reader, const Node& node, void* limit);        // finish_limits.cc
void finish_auth(Reader& reader, const Node& node, void* auth);          // finish_auth.cc
void finish_api_keys(Reader& reader, const Node& node, void* api_keys);  // finish_api_keys.cc
void finish_api_key(Reader& reader, const Node& node, void* api_key);

}  // namespace gatehouse::config
