// How Gatehouse reads regular expressions, the same everywhere.
#pragma once

#include <re2/re2.h>

namespace gatehouse::gateway {

// Bytes, not characters: with UTF-8, `.` would not match a stray byte, and one 0xff would slip past `not
// ~.*x.*`.
inline re2::RE2::Options regex_options() {
  re2::RE2::Options options(re2::RE2::Latin1);
  options.set_log_errors(false);
  options.set_dot_nl(true);
  return options;
}

}  // namespace gatehouse::gateway
