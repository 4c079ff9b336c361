// The tables of the language. A later field is one line in tables.cc.
#pragma once

#include <span>

#include "config/table.h"

namespace gatehouse::config {

const Table& top_table();
const Table& listener_table();
const Table& listener_tls_table();
const Table& service_table();
const Table& route_table();
const Table& canary_table();
const Table& cors_table();

const Table& auth_table();
const Table& issuer_table();
const Table& api_keys_table();
const Table& api_key_table();

const Table& limit_table();

// What tables in other files refer to.
extern const Table kReplyTable;  // tables.cc
extern const Table kAuthTable;   // tables_auth.cc
extern const Table kLimitTable;  // tables_limits.cc
std::span<const Table* const> auth_tables();

// Every table, in the order of the reference.
std::span<const Table* const> all_tables();

}  // namespace gatehouse::config
