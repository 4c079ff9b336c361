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

// Stands in tables_auth.cc; the others refer to it.
extern const Table kAuthTable;
std::span<const Table* const> auth_tables();

// Every table, in the order of the reference.
std::span<const Table* const> all_tables();

}  // namespace gatehouse::config
